//! Recognises addresses of pages and mailboxes, which are not split.

use super::characters::{DIGIT, LOWER, flags};

/// Whether a word is an address: an optional scheme, an optional user, a host with a top-level domain (or four numbers), an
/// optional port and path. Linear in the word: one pass from each `@` to the next.
pub(super) fn is_address(word: &str) -> bool {
    if !word.contains('.') {
        return false;
    }
    let after_scheme = word.split_once("://").and_then(|(scheme, rest)| {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '+' | '-' | '.');
        (scheme.chars().count() >= 2 && scheme.chars().all(fits)).then_some(rest)
    });
    let after_users =
        word.match_indices('@').filter(|&(at, _)| at > 0).filter_map(|(at, _)| word.get(at + 1..));
    std::iter::once(word).chain(after_scheme).chain(after_users).any(begins_with_host)
}

fn begins_with_host(text: &str) -> bool {
    let of_host = |c: char| c == '.' || is_label_character(c);
    let end = text.find(|c: char| !of_host(c)).unwrap_or(text.len());
    let Some((host, rest)) = text.split_at_checked(end) else { return false };
    (is_named_host(host) || is_numbered_host(host)) && is_port_and_path(rest)
}

fn is_label_character(character: char) -> bool {
    is_label_end(character) || matches!(character, '_' | '-')
}

fn is_label_end(character: char) -> bool {
    character.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&character)
}

fn is_named_host(host: &str) -> bool {
    let Some((labels, domain)) = host.rsplit_once('.') else { return false };
    let length = domain.chars().take(64).count();
    let is_label = |label: &str| {
        label.starts_with(is_label_end)
            && label.ends_with(is_label_end)
            && label.chars().take(65).count() <= 64
    };
    (2..=63).contains(&length)
        && domain.chars().all(|c| flags(c) & LOWER > 0)
        && labels.split('.').all(is_label)
}

/// Whether a host consists of four numbers of the public internet.
fn is_numbered_host(host: &str) -> bool {
    let mut octets = [0_u16; 4];
    let mut parts = host.split('.');
    for octet in &mut octets {
        let Some(part) = parts.next().filter(|part| (1..=3).contains(&part.len())) else { return false };
        let Some(number) = part.parse().ok().filter(|&number| number <= 255) else { return false };
        *octet = number;
    }
    let local = match octets {
        [10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => true,
        [172, second, ..] => (16..=31).contains(&second),
        _ => false,
    };
    parts.next().is_none() && !local && (1..=223).contains(&octets[0]) && (1..=254).contains(&octets[3])
}

fn is_port_and_path(rest: &str) -> bool {
    let path = match rest.strip_prefix(':') {
        Some(port) => {
            let digits = port.chars().take_while(|&c| flags(c) & DIGIT > 0).take(6).count();
            if !(2..=5).contains(&digits) {
                return false;
            }
            port.get(digits..).unwrap_or_default()
        }
        None => rest,
    };
    path.is_empty() || path.starts_with(['/', '?', '#'])
}
