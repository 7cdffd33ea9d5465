//! IP addresses of versions 4 and 6, as opposed to version numbers, sections and object identifiers.

use super::bytes::{at, before, between, is_word};
use super::context::{Hint, hint};
use super::{Class, Finding};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) enum Dotted {
    Found(Finding),
    /// Four parts that are not a relevant address; nothing else begins before this byte.
    Skip(usize),
    Nothing,
}

pub(super) fn find_v4(bytes: &[u8], start: usize, private: bool) -> Dotted {
    let mut octets = [0_u8; 4];
    let mut end = start;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            if at(bytes, end) != b'.' {
                return Dotted::Nothing;
            }
            end += 1;
        }
        let first = end;
        let mut value = 0_u32;
        while at(bytes, end).is_ascii_digit() && end - first < 4 {
            value = value * 10 + u32::from(at(bytes, end) - b'0');
            end += 1;
        }
        let padded = end - first > 1 && at(bytes, first) == b'0';
        match u8::try_from(value) {
            Ok(value) if end > first && end - first < 4 && !padded => *octet = value,
            _ => return Dotted::Nothing,
        }
    }
    let joined = |byte: u8| is_word(byte) || byte == b'.' || byte == b'-';
    let continues = is_word(at(bytes, end))
        || (matches!(at(bytes, end), b'.' | b'-')
            && is_word(at(bytes, end + 1))
            && at(bytes, end + 1) != b'_');
    // `Chrome/99.0.4.1` is a version, `http://203.0.113.9` an address.
    let product = before(bytes, start) == b'/'
        && start.checked_sub(1).is_some_and(|slash| is_word(before(bytes, slash)));
    if joined(before(bytes, start)) || continues || product {
        return Dotted::Skip(end);
    }
    let address = Ipv4Addr::from(octets);
    if !(private || is_public_v4(address)) {
        return Dotted::Skip(end);
    }
    // Four small numbers, which only one public address in 30,000 has, are a section or a version at the start of a line or
    // after a word for it. Anything else that can be an address counts as one, whatever word precedes it.
    let small = octets.iter().all(|octet| *octet < 20);
    if small && (begins_line(bytes, start) || hint(bytes, start) == Some(Hint::Version)) {
        return Dotted::Skip(end);
    }
    Dotted::Found(Finding { class: Class::IpAddress, start, end })
}

/// Whether only white space precedes it on its line.
fn begins_line(bytes: &[u8], start: usize) -> bool {
    let line = between(bytes, 0, start).iter().rev();
    line.take_while(|byte| **byte != b'\n').take(64).all(u8::is_ascii_whitespace)
}

/// Whether an address can identify a person. Documentation ranges count too: in texts they replace a person's address.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || shared
        || first == 0
        || first >= 224)
}

/// Reads the run of hexadecimal groups around the first `:` of a run, at `colon`; also returns the end of the run.
pub(super) fn find_v6(bytes: &[u8], colon: usize, private: bool) -> (Option<Finding>, usize) {
    let mut start = colon;
    while colon - start < 4 && before(bytes, start).is_ascii_hexdigit() {
        start -= 1;
    }
    let mut end = colon;
    while (at(bytes, end).is_ascii_hexdigit() || at(bytes, end) == b':') && end - start < 40 {
        end += 1;
    }
    let run = end;
    if colon - start != 4
        || is_word(before(bytes, start))
        || before(bytes, start) == b':'
        || is_word(at(bytes, end))
    {
        return (None, run);
    }
    if at(bytes, end.saturating_sub(1)) == b':' && at(bytes, end.saturating_sub(2)) != b':' {
        end -= 1;
    }
    let parsed =
        std::str::from_utf8(between(bytes, start, end)).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    let Some([first, ..]) = parsed.map(|address| address.segments()) else { return (None, run) };
    // Global unicast is 2000::/3 (RFC 4291); unique local, link-local and multicast begin with f.
    let wanted = (0x2000..0x4000).contains(&first) || (private && first >= 0xfc00);
    (wanted.then_some(Finding { class: Class::IpAddress, start, end }), run)
}
