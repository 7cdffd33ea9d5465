//! Unpacking of streams, never beyond what is allowed in all.

use std::io::Read;

use super::objects::{Dictionary, Object, digit, is_space};

/// Filters that one stream may pass through.
const FILTERS: usize = 4;

/// Unpacks a stream's bytes. `left` is how many bytes may still be unpacked in this document; what goes beyond is cut off.
/// `None` for pictures, and for filters that are unknown.
pub(super) fn unpack(data: &[u8], filters: &[(String, Dictionary)], left: &mut usize) -> Option<Vec<u8>> {
    if filters.len() > FILTERS {
        return None;
    }
    let mut current: Option<Vec<u8>> = None;
    for (filter, settings) in filters {
        let input = current.as_deref().unwrap_or(data);
        let output = match filter.as_str() {
            "FlateDecode" | "Fl" => predicted(inflate(input, *left), settings)?,
            "LZWDecode" | "LZW" => predicted(lempel_ziv_welch(input, settings, *left), settings)?,
            "ASCIIHexDecode" | "AHx" => hexadecimal(input),
            "ASCII85Decode" | "A85" => base_85(input),
            "RunLengthDecode" | "RL" => run_lengths(input, *left),
            _ => return None,
        };
        *left = left.saturating_sub(output.len());
        current = Some(output);
    }
    Some(current.unwrap_or_else(|| {
        let data = data.get(..data.len().min(*left)).unwrap_or_default();
        *left -= data.len();
        data.to_vec()
    }))
}

/// Deflate in its zlib wrapping, or bare as some producers write it. Of damaged data, what comes before the damage.
fn inflate(data: &[u8], most: usize) -> Vec<u8> {
    let mut output = Vec::new();
    let most = most as u64;
    // An error at the end of what could be read is no reason to throw that away.
    let read = flate2::read::ZlibDecoder::new(data).take(most).read_to_end(&mut output);
    if read.is_err() && output.is_empty() {
        let bare = data.get(2..).unwrap_or_default();
        let _damaged = flate2::read::DeflateDecoder::new(bare).take(most).read_to_end(&mut output);
    }
    output
}

/// LZW as TIFF has it: codes of 9 to 12 bits, the highest first.
fn lempel_ziv_welch(data: &[u8], settings: &Dictionary, most: usize) -> Vec<u8> {
    let early = usize::from(settings.get("EarlyChange").and_then(Object::number) != Some(0.0));
    // Each entry but the first 256 is an earlier stretch of the output and the byte behind it: where it starts, how long it is.
    let mut table: Vec<(usize, usize)> = Vec::new();
    let mut output: Vec<u8> = Vec::new();
    let mut last: Option<(usize, usize)> = None;
    let (mut bits, mut held, mut width) = (0_u32, 0_u32, 9_u32);
    for &byte in data {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        if held < width {
            continue;
        }
        held -= width;
        let code = (bits >> held) as usize & ((1 << width) - 1);
        bits &= (1 << held) - 1;
        let start = output.len();
        match code {
            256 => {
                table.clear();
                last = None;
                width = 9;
                continue;
            }
            257 => break,
            0..=255 => output.push(u8::try_from(code).unwrap_or_default()),
            _ => {
                let entry = table.get(code - 258).copied();
                // The one code that may be used before it is known: the last stretch and its first byte.
                let Some((from, length)) = entry.or_else(|| last.map(|(from, length)| (from, length + 1)))
                else {
                    break;
                };
                for index in from..from + length {
                    let Some(&byte) = output.get(index) else { break };
                    output.push(byte);
                }
            }
        }
        if let Some((from, length)) = last
            && table.len() < 4096 - 258
        {
            table.push((from, length + 1));
        }
        last = Some((start, output.len() - start));
        width = match table.len() + 258 + early + usize::from(last.is_some()) {
            0..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
        if output.len() > most {
            output.truncate(most);
            break;
        }
    }
    output
}

fn hexadecimal(data: &[u8]) -> Vec<u8> {
    let mut digits = data.iter().take_while(|&&byte| byte != b'>').filter_map(|&byte| digit(byte));
    let mut output = Vec::with_capacity(data.len() / 2);
    while let Some(high) = digits.next() {
        output.push(high << 4 | digits.next().unwrap_or(0));
    }
    output
}

fn base_85(data: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(data.len());
    let mut group = [0_u8; 5];
    let mut count = 0;
    for &byte in data.strip_prefix(b"<~").unwrap_or(data) {
        match byte {
            b'~' => break,
            b'z' if count == 0 => output.extend([0; 4]),
            b'!'..=b'u' => {
                if let Some(slot) = group.get_mut(count) {
                    *slot = byte - b'!';
                }
                count += 1;
                if count == 5 {
                    output.extend(word_of(group));
                    count = 0;
                }
            }
            _ if is_space(byte) => {}
            _ => break,
        }
    }
    if count > 1 {
        group.iter_mut().skip(count).for_each(|slot| *slot = 84);
        output.extend(word_of(group).into_iter().take(count - 1));
    }
    output
}

fn word_of(group: [u8; 5]) -> [u8; 4] {
    group
        .iter()
        .fold(0_u32, |word, &digit| word.wrapping_mul(85).wrapping_add(u32::from(digit)))
        .to_be_bytes()
}

fn run_lengths(data: &[u8], most: usize) -> Vec<u8> {
    let mut output = Vec::new();
    let mut rest = data;
    while let Some((&length, tail)) = rest.split_first() {
        let length = usize::from(length);
        if length == 128 || output.len() > most {
            break;
        }
        if length < 128 {
            let (run, tail) = tail.split_at_checked(length + 1).unwrap_or((tail, &[]));
            output.extend_from_slice(run);
            rest = tail;
        } else {
            let Some((&byte, tail)) = tail.split_first() else { break };
            output.extend(std::iter::repeat_n(byte, 257 - length));
            rest = tail;
        }
    }
    output.truncate(most);
    output
}

/// Undoes PNG's and TIFF's prediction of bytes by their neighbours.
fn predicted(data: Vec<u8>, settings: &Dictionary) -> Option<Vec<u8>> {
    let setting = |name: &str, default: usize| match settings.get(name).and_then(Object::number) {
        Some(value) if (1.0..=65536.0).contains(&value) => value as usize,
        Some(_) => 0,
        None => default,
    };
    let predictor = setting("Predictor", 1);
    if predictor < 2 {
        return Some(data);
    }
    let bits = setting("Colors", 1) * setting("BitsPerComponent", 8);
    let pixel = bits.div_ceil(8).max(1);
    let width = (bits * setting("Columns", 1)).div_ceil(8).max(1);
    if predictor == 2 {
        let mut data = data;
        for row in data.chunks_mut(width) {
            for index in pixel..row.len() {
                let left = row.get(index - pixel).copied()?;
                let byte = row.get_mut(index)?;
                *byte = byte.wrapping_add(left);
            }
        }
        return Some(data);
    }
    let mut output: Vec<u8> = Vec::with_capacity(data.len());
    let mut above = vec![0_u8; width];
    for row in data.chunks(width + 1) {
        let (&kind, bytes) = row.split_first()?;
        let mut line = bytes.to_vec();
        for index in 0..line.len() {
            let left = index.checked_sub(pixel).and_then(|at| line.get(at).copied()).unwrap_or(0);
            let up = above.get(index).copied().unwrap_or(0);
            let corner = index.checked_sub(pixel).and_then(|at| above.get(at).copied()).unwrap_or(0);
            let guess = match kind {
                1 => left,
                2 => up,
                3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
                4 => paeth(left, up, corner),
                _ => 0,
            };
            let byte = line.get_mut(index)?;
            *byte = byte.wrapping_add(guess);
        }
        output.extend_from_slice(&line);
        above.fill(0);
        for (slot, &byte) in above.iter_mut().zip(&line) {
            *slot = byte;
        }
    }
    Some(output)
}

/// PNG's choice among three neighbours: the nearest to left + up - corner.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |byte: u8| (guess - i16::from(byte)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}
