//! Random damage to the bytes of a file.

use super::Draw;

/// Longest range that a change copies or removes.
const RANGE: usize = 400;
/// Largest file that changes make.
const MAX_BYTES: usize = 1 << 20;

/// Parts that many formats give a meaning to.
const PARTS: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ",",
    ":",
    "\n",
    "\r\n",
    "<",
    ">",
    "/>",
    "<!--",
    "&#x0;",
    "\u{feff}",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "-0.0",
    "NaN",
    "18446744073709551616",
    "4294967295",
    "9999999999999999",
    "\\u0000",
    "\\ud800",
    "../",
    "%00",
    "é",
    "🦉",
    "{{",
    "}}",
    "{%",
    "%}",
    "(",
    ")",
    " ",
    "\0",
];

fn range(draw: &mut Draw, length: usize) -> std::ops::Range<usize> {
    let start = draw.below(length + 1);
    let longest = draw.of(&[4, 32, RANGE]);
    let count = 1 + draw.below(longest);
    start..(start + count).min(length)
}

/// The range of a number in a text, if any follows a random place.
fn digits(draw: &mut Draw, bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let from = draw.below(bytes.len());
    let start = from + bytes[from..].iter().position(u8::is_ascii_digit)?;
    let count = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some(start..start + count)
}

/// Changes bytes in one to four ways; `others` are further files of the format.
pub fn mutate(draw: &mut Draw, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..1 + draw.below(4) {
        change(draw, bytes, others);
        bytes.truncate(MAX_BYTES);
    }
}

fn change(draw: &mut Draw, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    let length = bytes.len();
    match draw.below(12) {
        0 => bytes.truncate(draw.below(length + 1)),
        1 | 2 => {
            if let Some(byte) = (length > 0).then(|| draw.below(length)).map(|at| &mut bytes[at]) {
                *byte ^= 1 << draw.below(8);
            }
        }
        3 => {
            if length > 0 {
                bytes[draw.below(length)] = draw.of(&[0, 1, 0x7f, 0x80, 0xff, b'\n', b'"', b'9']);
            }
        }
        4 => drop(bytes.drain(range(draw, length))),
        5 => {
            let copy = bytes[range(draw, length)].repeat(draw.of(&[1, 1, 2, 20, 200]));
            let at = draw.below(length + 1);
            bytes.splice(at..at, copy);
        }
        6 | 7 => {
            let at = draw.below(length + 1);
            bytes.splice(at..at, draw.of(&PARTS).bytes());
        }
        8 | 9 => {
            if let Some(place) = digits(draw, bytes) {
                let number = draw.of(&[
                    "0",
                    "1",
                    "2",
                    "-1",
                    "7",
                    "255",
                    "65536",
                    "4294967296",
                    "18446744073709551615",
                    "1e9",
                    "1e308",
                    "0.5",
                ]);
                bytes.splice(place, number.bytes());
            }
        }
        10 => {
            // A length or an offset of binary formats.
            let width = draw.of(&[2, 4, 8]);
            if let Some(at) = length.checked_sub(width).map(|last| draw.below(last + 1)) {
                let number: u64 =
                    draw.of(&[0, 1, 2, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX >> 1, u64::MAX]);
                bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
            }
        }
        _ => {
            let other = if others.is_empty() { Vec::new() } else { draw.of(others) };
            let copy = other[range(draw, other.len())].to_vec();
            let at = range(draw, length);
            bytes.splice(at, copy);
        }
    }
}

/// Damage as disks, copies and editors do it to one file; `None` removes the file.
pub fn damage(draw: &mut Draw, content: &[u8], others: &[Vec<u8>]) -> (&'static str, Option<Vec<u8>>) {
    let mut bytes = content.to_vec();
    match draw.below(10) {
        0 => ("removed", None),
        1 => ("emptied", Some(Vec::new())),
        2 | 3 => {
            bytes.truncate(draw.below(content.len()));
            ("cut", Some(bytes))
        }
        4 => ("doubled", Some([content, content].concat())),
        5 => {
            // A block that was allocated and never written.
            let at = draw.below(content.len()) & !511;
            let end = (at + 4096).min(content.len());
            bytes[at..end].fill(0);
            ("zeroed", Some(bytes))
        }
        6 | 7 => {
            for _ in 0..1 + draw.below(3) {
                if !bytes.is_empty() {
                    let at = draw.below(bytes.len());
                    bytes[at] ^= 1 << draw.below(8);
                }
            }
            ("flipped", Some(bytes))
        }
        8 => {
            if let Some(place) = digits(draw, &bytes) {
                let at = place.start;
                bytes[at] = b'0' + (bytes[at] - b'0' + 1 + draw.below(9) as u8) % 10;
            }
            ("with another digit", Some(bytes))
        }
        _ => {
            mutate(draw, &mut bytes, others);
            ("mutated", Some(bytes))
        }
    }
}
