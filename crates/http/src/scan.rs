//! Looking at bytes eight at a time, and the character classes of RFC 9110 §5.6.2.
//!
//! The tricks are the classic ones on a 64-bit word: for each byte, the high bit of the result says whether the byte is
//! below a bound or equal to one. Borrows can only disturb bytes above the first hit, and only the first hit is used.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[inline]
fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(ONES * bound as u64) & !word & HIGHS
}

#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ (ONES * byte as u64);
    difference.wrapping_sub(ONES) & !difference & HIGHS
}

/// The first position from `start` on where a word test or its byte twin hits.
#[inline]
fn find(bytes: &[u8], start: usize, in_word: impl Fn(u64) -> u64, in_byte: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = start;
    while let Some(eight) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes([eight[0], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6], eight[7]]);
        let hits = in_word(word);
        if hits != 0 {
            return Some(at + (hits.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|&byte| in_byte(byte)).map(|offset| at + offset)
}

/// The first byte that ends a field name: a colon, a blank or a control character.
#[inline]
pub(crate) fn find_name_end(bytes: &[u8], start: usize) -> Option<usize> {
    find(bytes, start, |word| below(word, 0x21) | equal(word, b':'), |byte| byte < 0x21 || byte == b':')
}

/// The first control character other than HTAB: what ends a line, or has no place in a value (RFC 9110 §5.5).
#[inline]
pub(crate) fn find_control(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at = find(bytes, at, |word| below(word, 0x20) | equal(word, 0x7f), |byte| byte < 0x20 || byte == 0x7f)?;
        if bytes[at] != b'\t' {
            return Some(at);
        }
        at += 1;
    }
}

/// The first byte that is not visible ASCII (0x21 to 0x7e), or is `#`: what ends or spoils a request target.
#[inline]
pub(crate) fn find_target_end(bytes: &[u8], start: usize) -> Option<usize> {
    find(
        bytes,
        start,
        |word| below(word, 0x21) | equal(word, 0x7f) | equal(word, b'#') | (word & HIGHS),
        |byte| !(0x21..0x7f).contains(&byte) || byte == b'#',
    )
}

const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

#[inline]
pub(crate) const fn is_tchar(byte: u8) -> bool {
    TCHAR[byte as usize]
}

/// `token = 1*tchar`.
#[inline]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// Without the SP and HTAB around it; nothing else is whitespace here (RFC 9110 §5.6.3).
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_at_every_offset() {
        for byte in 0..=255u8 {
            for offset in 0..20 {
                let mut bytes = [b'a'; 24];
                bytes[offset] = byte;
                let name_end = byte < 0x21 || byte == b':';
                let control = (byte < 0x20 || byte == 0x7f) && byte != b'\t';
                let target_end = !(0x21..0x7f).contains(&byte) || byte == b'#';
                assert_eq!(find_name_end(&bytes, 0), name_end.then_some(offset), "{byte:#x} at {offset}");
                assert_eq!(find_control(&bytes, 0), control.then_some(offset), "{byte:#x} at {offset}");
                assert_eq!(find_target_end(&bytes, 0), target_end.then_some(offset), "{byte:#x} at {offset}");
            }
        }
    }

    #[test]
    fn trim_takes_only_blanks() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b"\xa0a\x85"), b"\xa0a\x85");
        assert_eq!(trim(b" \t"), b"");
    }
}
