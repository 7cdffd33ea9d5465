//! Parquet's delta encodings, written anew as plain values.
//!
//! The library's decoders of these make room for as many values as a page states and cut their bytes without looking. Here
//! nothing is made room for beyond a bound that the caller names, and every length is checked.

use parquet::basic::{Encoding, Type};

/// Numbers in a block; writers use 128 or 256.
const LARGEST_BLOCK: u64 = 1 << 16;

/// Values of one page.
const MOST_VALUES: u64 = 1 << 24;

const CUT: &str = "a page ends within its values";

/// Writes a page's values as plain ones; none for an encoding that is not a delta encoding of this type.
///
/// # Errors
/// The values contradict themselves, or would be longer than the limit.
pub(super) fn plain(
    encoding: Encoding,
    kind: Type,
    bytes: &[u8],
    limit: usize,
) -> Result<Option<Vec<u8>>, &'static str> {
    let mut values = Vec::new();
    match (encoding, kind) {
        (Encoding::DELTA_BINARY_PACKED, Type::INT32) => {
            let (numbers, _) = numbers(bytes)?;
            // The format computes with the type's width, so that the low half is the number.
            values.extend(numbers.iter().flat_map(|number| (*number as i32).to_le_bytes()));
        }
        (Encoding::DELTA_BINARY_PACKED, Type::INT64) => {
            let (numbers, _) = numbers(bytes)?;
            values.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        (Encoding::DELTA_LENGTH_BYTE_ARRAY, Type::BYTE_ARRAY) => {
            for value in slices(bytes)? {
                push(&mut values, &[], value, limit)?;
            }
        }
        (Encoding::DELTA_BYTE_ARRAY, Type::BYTE_ARRAY) => {
            let (prefixes, used) = numbers(bytes)?;
            let suffixes = slices(bytes.get(used..).unwrap_or_default())?;
            if prefixes.len() != suffixes.len() {
                return Err("a page has more beginnings than ends of values");
            }
            let mut last = Vec::new();
            for (prefix, suffix) in prefixes.iter().zip(suffixes) {
                let prefix = usize::try_from(*prefix).map_err(|_| CUT)?;
                if prefix > last.len() {
                    return Err("a page repeats more of a value than there is");
                }
                last.truncate(prefix);
                push(&mut values, &last, suffix, limit)?;
                last.extend_from_slice(suffix);
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(values))
}

fn push(values: &mut Vec<u8>, prefix: &[u8], suffix: &[u8], limit: usize) -> Result<(), &'static str> {
    let length = prefix.len() + suffix.len();
    if values.len() + length > limit {
        return Err("a page unpacks to more than read.limits.record");
    }
    let length = u32::try_from(length).map_err(|_| CUT)?;
    values.extend(length.to_le_bytes());
    values.extend_from_slice(prefix);
    values.extend_from_slice(suffix);
    Ok(())
}

/// Byte strings that stand behind their lengths.
fn slices(bytes: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    let (lengths, used) = numbers(bytes)?;
    let mut rest = bytes.get(used..).unwrap_or_default();
    let mut slices = Vec::new();
    for length in lengths {
        let length = usize::try_from(length).map_err(|_| CUT)?;
        let (value, behind) = rest.split_at_checked(length).ok_or(CUT)?;
        slices.push(value);
        rest = behind;
    }
    Ok(slices)
}

/// Numbers that are written as differences, in blocks of few bits, and the bytes they take.
fn numbers(bytes: &[u8]) -> Result<(Vec<i64>, usize), &'static str> {
    let mut place = 0;
    let block = varint(bytes, &mut place)?;
    let parts = varint(bytes, &mut place)?;
    let count = varint(bytes, &mut place)?;
    let mut value = signed(varint(bytes, &mut place)?);
    if block > LARGEST_BLOCK || parts == 0 || parts > block || !block.is_multiple_of(parts.saturating_mul(8))
    {
        return Err("a page has blocks of an impossible size");
    }
    if count > MOST_VALUES {
        return Err("a page states more values than any page needs");
    }
    let count = count as usize;
    let (parts, per_part) = (parts as usize, (block / parts) as usize);
    let mut numbers = Vec::new();
    if count > 0 {
        numbers.push(value);
    }
    while numbers.len() < count {
        let least = signed(varint(bytes, &mut place)?);
        let widths = bytes.get(place..place + parts).ok_or(CUT)?;
        place += parts;
        for width in widths {
            if numbers.len() >= count {
                break;
            }
            let width = usize::from(*width);
            if width > 64 {
                return Err("a page has numbers of more than 64 bits");
            }
            let part = bytes.get(place..place + per_part / 8 * width).ok_or(CUT)?;
            place += part.len();
            for index in 0..per_part.min(count - numbers.len()) {
                let difference = bits(part, index * width, width);
                value = value.wrapping_add(least).wrapping_add(difference as i64);
                numbers.push(value);
            }
        }
    }
    Ok((numbers, place))
}

/// A number of so many bits, the lowest first.
fn bits(bytes: &[u8], from: usize, width: usize) -> u64 {
    let mut value = 0_u128;
    let first = from / 8;
    let taken = bytes.get(first..).unwrap_or_default().iter().take(9);
    for (index, byte) in taken.enumerate() {
        value |= u128::from(*byte) << (8 * index);
    }
    ((value >> (from % 8)) & ((1_u128 << width) - 1)) as u64
}

fn varint(bytes: &[u8], place: &mut usize) -> Result<u64, &'static str> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*place).ok_or(CUT)?;
        *place += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a page has a number that is too long")
}

fn signed(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
