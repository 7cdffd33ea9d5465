//! Secrets: keys with an issuer's prefix or format, private keys in PEM and PuTTY's format, tokens in headers, values assigned
//! to a name such as password, secret or token, and unlabelled cloud keys, recognised by length and randomness.
//!
//! Formats with a prefix are in `secrets.toml`; gitleaks' rules and the plugins of detect-secrets were consulted for which ones
//! exist.
//!
//! Time is linear in the text: an endless run of bytes in which many secrets could begin is examined from a few positions only
//! ([`Scanned`]).

use super::bytes::{at, before, between, is_word};
use super::{Class, Finding};
use aho_corasick::{AhoCorasick, MatchKind};
use glasshouse_documents::{Error, Result};
use memchr::memmem;
use regex::bytes::Regex;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Formats {
    format: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    prefixes: String,
    shape: String,
    #[serde(default)]
    back: usize,
    #[serde(default)]
    looks: Looks,
}

/// What distinguishes a secret from ordinary text of the same shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Looks {
    #[default]
    Random,
    Mixed,
    Any,
    Basic,
    Bearer,
}

#[derive(Clone, Debug)]
struct Format {
    shape: Regex,
    back: usize,
    looks: Looks,
}

/// Maximum bytes of a multi-line key without an end.
const MAX_BLOCK_BYTES: usize = 16 << 10;
/// Maximum bytes of a single-line key.
const MAX_KEY_BYTES: usize = 8 << 10;
/// Number of positions in one run from which secrets are searched: enough for real text, `token=secret:password=…`.
const MAX_PLACES: u32 = 4;

/// The run of bytes scanned last. Without it, each byte of seven megabytes of `pwd=a1pwd=a1…` would be examined up to
/// [`MAX_KEY_BYTES`] times.
#[derive(Default)]
pub(super) struct Scanned {
    end: usize,
    places: u32,
    /// Total bytes examined.
    pub(super) looked_at: usize,
}

impl Scanned {
    /// Whether to search from this position.
    fn admits(&mut self, start: usize) -> bool {
        self.places = if start < self.end { self.places + 1 } else { 0 };
        self.places < MAX_PLACES
    }

    fn note(&mut self, start: usize, end: usize) {
        self.end = self.end.max(end);
        self.looked_at += end - start;
    }
}

#[derive(Debug)]
pub(super) struct Prefixes {
    /// The format of each prefix.
    formats: Vec<Format>,
    automaton: AhoCorasick,
}

impl Prefixes {
    pub fn new() -> Result<Self> {
        let wrong = |cause: &dyn std::fmt::Display| Error::Refused(format!("secrets.toml: {cause}"));
        let written: Formats = toml::from_str(include_str!("secrets.toml")).map_err(|error| wrong(&error))?;
        let (mut formats, mut prefixes) = (Vec::new(), Vec::new());
        for Written { prefixes: own, shape, back, looks } in &written.format {
            let shape = Regex::new(&format!(r"\A(?-u:{shape})")).map_err(|error| wrong(&error))?;
            let (back, looks) = (*back, *looks);
            for prefix in own.split_inclusive(' ') {
                // Only the last may end with a space.
                prefixes.push(if own.ends_with(prefix) { prefix } else { prefix.trim_end() });
                formats.push(Format { shape: shape.clone(), back, looks });
            }
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(prefixes);
        Ok(Self { formats, automaton: automaton.map_err(|error| wrong(&error))? })
    }

    pub fn find(&self, bytes: &[u8], scanned: &mut Scanned, findings: &mut Vec<Finding>) {
        let mut past = 0;
        for found in self.automaton.find_iter(bytes) {
            let Some(format) = self.formats.get(found.pattern().as_usize()) else { continue };
            let (prefix, end) = (found.start(), found.end());
            let is_within = |start: usize| is_word(before(bytes, start)) && at(bytes, prefix) != b'-';
            if prefix < past || format.back == 0 && is_within(prefix) || !scanned.admits(end) {
                continue;
            }
            let from = end.saturating_sub(format.back);
            let run = between(bytes, end, (end + MAX_KEY_BYTES).min(bytes.len()));
            scanned.note(end, end + run.iter().take_while(|byte| is_header(**byte)).count());
            let text = between(bytes, from, (from + MAX_BLOCK_BYTES).min(bytes.len()));
            let Some(captures) = format.shape.captures(text) else { continue };
            let (start, mut past_end) = match (captures.get(1), captures.get(0)) {
                (Some(group), _) => (from + group.start(), from + group.end()),
                (None, whole) => (prefix, from + whole.map_or(0, |whole| whole.end())),
            };
            // The limit may be inside a character.
            while past_end > end && at(bytes, past_end) & 0xc0 == 0x80 {
                past_end -= 1;
            }
            let value = between(bytes, end.max(start), past_end);
            let is_named =
                || memmem::find(between(bytes, prefix.saturating_sub(24), prefix), b"uthorization").is_some();
            let fits = match format.looks {
                Looks::Any => true,
                Looks::Random => is_random(value),
                Looks::Mixed => is_random(value) || is_mixed(value),
                Looks::Basic => is_named(),
                Looks::Bearer => is_random(value) || is_named(),
            };
            if fits && !is_within(start.min(prefix)) {
                findings.push(Finding { class: Class::Secret, start, end: past_end });
                past = past_end;
            }
        }
    }
}

/// A byte found in values of headers.
fn is_header(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./+=~".contains(&byte)
}

/// Whether bytes look random: digits among letters, and high entropy.
fn is_random(value: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| value.iter().filter(|byte| test(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let mixed = count(u8::is_ascii_uppercase) > 0 && count(u8::is_ascii_lowercase) > 0;
    let letters = count(u8::is_ascii_alphabetic);
    letters > 0 && (digits > 2 || digits > 0 && mixed) && entropy(value) >= 3.0
}

/// Whether letters look random: about as many capitals as small letters, of which compound names have few.
fn is_mixed(value: &[u8]) -> bool {
    let capitals = value.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let share = capitals as f64 / value.len() as f64;
    (0.28..=0.72).contains(&share) && entropy(value) >= 3.5
}

/// Shannon entropy of the bytes, in bits per byte.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    crate::entropy::entropy_of(&counts)
}

/// A byte of base64, except padding.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Adds unlabelled cloud keys: an Amazon secret access key has 40 characters of base64, an Azure storage account key 86 and two
/// of padding.
pub(super) fn find_unlabelled(bytes: &[u8], findings: &mut Vec<Finding>) {
    const MIN_KEY_BYTES: usize = 40;
    let mut start = 0;
    while let Some(window) = bytes.get(start..start + MIN_KEY_BYTES) {
        // From the end, so that few bytes of ordinary words are read.
        if let Some(last) = window.iter().rposition(|byte| !is_base64(*byte)) {
            start += last + 1;
            continue;
        }
        let tail = bytes.get(start + MIN_KEY_BYTES..).unwrap_or_default();
        let length = MIN_KEY_BYTES + tail.iter().position(|byte| !is_base64(*byte)).unwrap_or(tail.len());
        let end = start + length;
        let value = between(bytes, start, end);
        let padding =
            between(bytes, end, bytes.len()).iter().take(3).take_while(|byte| **byte == b'=').count();
        // Part of something longer: an address, a token of another format, a checksum such as `sha512-…`.
        let open = matches!(before(bytes, start), b'-' | b'_' | b'.' | b'%')
            || matches!(at(bytes, end), b'-' | b'_' | b'.' | b'%');
        if !open && matches!((length, padding), (40, 0) | (86, 2)) && is_drawn(value) {
            findings.push(Finding { class: Class::Secret, start, end: end + padding });
        }
        start = end + 1;
    }
}

/// Whether base64 is random: it has capitals, small letters and digits in random order. In random text five characters in eight
/// are of another kind than the previous one, in names and paths fewer than one in three.
fn is_drawn(value: &[u8]) -> bool {
    let kind = |byte: &u8| match byte {
        b'A'..=b'Z' => 0,
        b'a'..=b'z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let count = |wanted: i32| value.iter().filter(|byte| kind(byte) == wanted).count();
    let changes =
        value.windows(2).filter(|pair| matches!(pair, [one, other] if kind(one) != kind(other))).count();
    count(0) >= 4
        && count(1) >= 4
        && count(2) >= 2
        && count(3) <= value.len() / 8
        && changes * 5 >= value.len() * 2
        && entropy(value) >= 4.2
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    /// A password, which may be a short word.
    Password,
    /// A key or token, long and random.
    Token,
}

const PASSWORDS: &str = "password passwd passphrase pwd passwort _pass -pass";
/// Parts of names of keys and tokens.
const TOKENS: &str = "accountkey account_key account-key sharedaccesskey shared_access_key secret token api_key apikey \
    api-key access_key accesskey access-key private_key secret_key secretkey credential";
/// Placeholder values, in lower case.
const STAND_INS: &str = "password passwd passphrase secret token string text none null nil true false undefined required \
    optional example changeme empty default value sha256 sha512 base64 argon2 varchar str hidden redacted \
    input";

/// The secret value after the `=` or `:` at `sign`, if the name before it announces one.
pub(super) fn find_assigned(bytes: &[u8], sign: usize, scanned: &mut Scanned) -> Option<Finding> {
    let (name, capitals) = name_before(bytes, sign)?;
    let mut start = sign + 1;
    let mut quote = 0;
    // Spaces, the rest of `=>`, and quotes, which are escaped inside another string.
    for _ in 0..6 {
        match at(bytes, start) {
            b' ' | b'\t' | b'\\' if quote == 0 => start += 1,
            b'>' if start == sign + 1 => start += 1,
            mark @ (b'"' | b'\'' | b'`') if quote == 0 => {
                quote = mark;
                start += 1;
            }
            _ => break,
        }
    }
    // A quoted value ends where the next can begin; an unquoted one may contain many.
    if quote == 0 && !scanned.admits(start) {
        return None;
    }
    let limit = (start + MAX_KEY_BYTES).min(bytes.len());
    let ends = |byte: u8| match quote {
        0 => byte <= b' ' || b"\"'`,;&<>)]}|\\".contains(&byte),
        quote => byte == quote || byte == b'\n' || byte == b'\\',
    };
    let mut end = start;
    while end < limit && !ends(at(bytes, end)) {
        end += 1;
    }
    if quote == 0 {
        scanned.note(start, end);
        while end > start && matches!(before(bytes, end), b'.' | b':') {
            end -= 1;
        }
    } else {
        scanned.looked_at += end - start;
    }
    let value = between(bytes, start, end);
    let tight = capitals && start == sign + 1 && at(bytes, sign) == b'=';
    let secret = !is_stand_in(value)
        && match name {
            Name::Password => is_password(value, quote != 0, at(bytes, sign) == b'=', tight),
            Name::Token => is_token(value, quote != 0),
        };
    secret.then_some(Finding { class: Class::Secret, start, end })
}

/// The kind of value announced by the name before a sign, and whether it is in capitals like environment variables.
fn name_before(bytes: &[u8], sign: usize) -> Option<(Name, bool)> {
    if at(bytes, sign + 1) == b'=' || matches!(before(bytes, sign), b'=' | b'!' | b'<' | b'>') {
        return None;
    }
    let mut end = sign;
    for _ in 0..4 {
        end -= usize::from(matches!(
            before(bytes, end),
            b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\' | b']' | b':' | b'*'
        ));
    }
    let mut start = end;
    while end - start < 48 && (is_word(before(bytes, start)) || before(bytes, start) == b'-') {
        start -= 1;
    }
    let written = between(bytes, start, end);
    let mut small = [0; 48];
    let small = small.get_mut(..written.len())?;
    small.copy_from_slice(written);
    small.make_ascii_lowercase();
    // `API_KEYS`, `SECRET_ACCESS_KEY_ID`: suffixes after the significant part.
    let stem =
        [b"_id".as_slice(), b"s"].iter().fold(&*small, |stem, tail| stem.strip_suffix(*tail).unwrap_or(stem));
    let name = if small == b"pass" || PASSWORDS.split(' ').any(|name| small.ends_with(name.as_bytes())) {
        Name::Password
    } else if small == b"sig" || TOKENS.split(' ').any(|name| stem.ends_with(name.as_bytes())) {
        Name::Token
    } else {
        return None;
    };
    Some((name, !written.iter().any(u8::is_ascii_lowercase)))
}

/// Whether a value is code, a template or a placeholder.
fn is_stand_in(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    let mut small = [0; 24];
    let short = small.get_mut(..value.len()).map(|small| {
        small.copy_from_slice(value);
        small.make_ascii_lowercase();
        &*small
    });
    b"<$%{[(&/~.-".contains(first)
        || value.iter().all(|byte| byte == first || matches!(byte, b'*' | b'x' | b'X' | b'.'))
        || value.iter().any(|byte| *byte >= 0x80 || b"([".contains(byte))
        || value.windows(2).any(|pair| pair == b"{{" || pair == b"${")
        || short.is_some_and(|short| {
            STAND_INS.split(' ').any(|stand_in| stand_in.as_bytes() == short)
                || short.starts_with(b"your")
                || short.starts_with(b"my_")
                || short.starts_with(b"placeholder")
        })
}

/// Whether a value is a password, by how it is written and assigned.
fn is_password(value: &[u8], quoted: bool, equals: bool, tight: bool) -> bool {
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let digits = value.iter().any(u8::is_ascii_digit);
    let marks = value.iter().any(|byte| b"!@#$^*?+~%".contains(byte));
    let words = value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let plain = value.iter().all(u8::is_ascii_lowercase);
    // Quoted text with spaces is a form's label; paths and object members are code.
    let said = value.contains(&b' ') || (!quoted && words && value.contains(&b'_'));
    let strong =
        (digits && letters) || (marks && (letters || digits)) || (digits && value.len() >= 6 && words);
    (5..=128).contains(&value.len()) && !said && (strong || (quoted && (equals || plain)) || (tight && words))
}

fn is_token(value: &[u8], quoted: bool) -> bool {
    let dotted = value.contains(&b'.') && !quoted;
    (16..=MAX_KEY_BYTES).contains(&value.len())
        && !dotted
        && value.iter().all(|byte| is_header(*byte) || matches!(byte, b':' | b'%'))
        && is_random(value)
}
