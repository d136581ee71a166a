//! Bytes of strangers inside a line: nothing they send can end a string, a line or a terminal's patience.
//!
//! Plain are the printable characters of ASCII but `"` and `\`. JSON gets every other byte as `\u00XX`, its value as a
//! code point (ISO 8859-1): valid JSON whatever was sent, and `text.encode("latin-1")` gives back the exact bytes.
//! The combined format gets `\xXX`, as nginx writes it.

const HEX: &[u8; 16] = b"0123456789abcdef";

#[inline]
pub fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    escape(out, bytes, |out, byte| match byte {
        b'"' | b'\\' => out.extend([b'\\', byte]),
        _ => out.extend([b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
    });
}

#[inline]
pub fn combined(out: &mut Vec<u8>, bytes: &[u8]) {
    escape(out, bytes, |out, byte| {
        out.extend([b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    });
}

/// Asks eight bytes at a time; what is plain throughout, which is nearly everything, is copied in one piece. Fewer than
/// eight, and text with something special in it, go byte by byte.
#[inline]
fn escape(out: &mut Vec<u8>, bytes: &[u8], special: impl Fn(&mut Vec<u8>, u8)) {
    // The last word overlaps the one before it, so that no byte is left over.
    let is_plain =
        bytes.last_chunk().is_some_and(|last| all_plain(*last) && bytes.as_chunks().0.iter().all(|c| all_plain(*c)));
    if is_plain {
        out.extend_from_slice(bytes);
    } else {
        out.reserve(bytes.len());
        bytes.iter().for_each(|&byte| one(out, byte, &special));
    }
}

#[inline]
fn one(out: &mut Vec<u8>, byte: u8, special: &impl Fn(&mut Vec<u8>, u8)) {
    if matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\' { out.push(byte) } else { special(out, byte) }
}

/// Eight bytes at once. For bytes below 0x80, adding or subtracting inside a lane tells less-than; a byte at or above
/// it is special anyway, so it does not matter that it may disturb its neighbour: the answer is "no" either way.
#[inline]
fn all_plain(chunk: [u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let word = u64::from_ne_bytes(chunk);
    let equals = |byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
    let below_space = word.wrapping_sub(ONES * 0x20);
    let above_tilde = word.wrapping_add(ONES);
    (below_space | above_tilde | word | equals(b'"') | equals(b'\\')) & (ONES * 0x80) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_plain(byte: u8) -> bool {
        (0x20..0x7f).contains(&byte) && byte != 0x22 && byte != 0x5c
    }

    #[test]
    fn eight_at_once_agree_with_one_by_one() {
        for place in 0..8 {
            for byte in 0..=255 {
                for neighbour in [b' ', b'a', b'~', b'!', b'#', b'[', b']'] {
                    let mut chunk = [neighbour; 8];
                    chunk[place] = byte;
                    assert_eq!(all_plain(chunk), is_plain(byte), "{byte:#x} at {place} among {neighbour:#x}");
                }
            }
        }
    }

    #[test]
    fn every_byte_comes_back_from_json() {
        let all: Vec<u8> = (0..=255).collect();
        let mut line = vec![b'"'];
        json(&mut line, &all);
        line.push(b'"');
        assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte)));
        let parsed: String = serde_json::from_slice(&line).unwrap();
        assert_eq!(parsed.chars().map(|c| u32::from(c) as u8).collect::<Vec<_>>(), all);
    }

    #[test]
    fn combined_has_neither_quote_nor_control() {
        let mut line = Vec::new();
        combined(&mut line, b"a\"b\\c\r\nd\x1b[31m\x7f\xff~");
        assert_eq!(line, br"a\x22b\x5cc\x0d\x0ad\x1b[31m\x7f\xff~");
    }
}
