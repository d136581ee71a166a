//! One hash for everything that must agree between machines, languages and versions: which server a client's address
//! leads to, and where a server stands in a Maglev table. Its constants are fixed for ever and part of the golden vectors.
//!
//! The bytes are taken in words of eight, little-endian, the last one padded with zeros; each word is folded in with the
//! finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014; constants
//! by Stafford, variant 13). An IPv4 address costs two rounds, an IPv6 address three, also in C or BPF.
//!
//! Not keyed: whoever chooses addresses chooses buckets. Nothing here may index a hash map by what a client sends.

/// The increment of SplitMix64: 2^64 divided by the golden ratio.
pub const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: every input bit changes every output bit with a chance near one half.
pub const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Different seeds give independent hashes of the same bytes.
pub fn hash(bytes: &[u8], seed: u64) -> u64 {
    let start = mix(GOLDEN.wrapping_mul(bytes.len() as u64 + 1).wrapping_add(seed));
    bytes.chunks(8).fold(start, |state, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(state ^ u64::from_le_bytes(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published output of SplitMix64 with seed 1234567.
    #[test]
    fn mix_is_splitmix64() {
        let outputs: Vec<u64> = (1..=3).map(|n| mix(1_234_567_u64.wrapping_add(GOLDEN.wrapping_mul(n)))).collect();
        assert_eq!(outputs, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn length_and_seed_count() {
        assert_ne!(hash(b"", 0), hash(b"\0", 0));
        assert_ne!(hash(b"\0", 0), hash(b"\0\0", 0));
        assert_ne!(hash(b"a", 0), hash(b"a", 1));
    }

    #[test]
    fn neighbours_spread_evenly() {
        let mut buckets = [0_u32; 16];
        for address in 0..16_000_u32 {
            buckets[(hash(&(0x0a00_0000 + address).to_be_bytes(), 0) % 16) as usize] += 1;
        }
        // 1000 expected in each; five standard deviations are 153.
        assert!(buckets.iter().all(|&count| (847..=1153).contains(&count)), "{buckets:?}");
    }
}
