//! Secrets: keys with an issuer's prefix or format, private keys in PEM and PuTTY's format, tokens in headers, values assigned
//! to a name such as password, secret or token, and unlabelled cloud keys, recognised by length and randomness.
//!
//! Formats are those documented by issuers (AWS's IAM identifiers, GitHub's *token formats*, Slack's *token types*, Stripe's,
//! OpenAI's and Hugging Face's *API keys*, Azure's storage connection strings and client secrets), which gitleaks' rules and
//! the plugins of detect-secrets search too. These two were consulted for which formats exist; the code here is our own.
//!
//! Time is linear in the text: an endless run of bytes in which many secrets could begin is examined from a few positions only
//! ([`Scanned`]).

use super::bytes::{at, before, between, is_word};
use super::{Class, Finding};
use crate::error::{Error, Result};
use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;

#[derive(Debug)]
struct Key {
    prefix: &'static str,
    /// Bytes that may follow.
    alphabet: Alphabet,
    /// Minimum number of bytes after the prefix; more are included.
    shortest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alphabet {
    Capitals,
    Plain,
    /// Letters, digits, `_` and `-`.
    Address,
    /// Letters, digits, `_`, `-`, `.`, `/`, `+`, `=` and `~`: anything found in headers.
    Header,
}

impl Alphabet {
    fn holds(self, byte: u8) -> bool {
        match self {
            Self::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Plain => byte.is_ascii_alphanumeric(),
            Self::Address => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Header => byte.is_ascii_alphanumeric() || b"_-./+=~".contains(&byte),
        }
    }
}

const SHAPES: &[(&str, Alphabet, usize)] = &[
    ("-----BEGIN ", Alphabet::Plain, 0),
    ("PuTTY-User-Key-File-", Alphabet::Plain, 0),
    ("eyJ", Alphabet::Address, 10),
    ("Q~", Alphabet::Header, 31),
    ("Basic ", Alphabet::Header, 12),
    ("Bearer ", Alphabet::Header, 20),
];

/// Issuers' prefixes, alphabets and minimum lengths.
const KEYS: &[(&str, Alphabet, usize)] = &[
    ("AKIA ASIA ABIA ACCA", Alphabet::Capitals, 16),
    ("ghp_ gho_ ghu_ ghs_ ghr_ hf_ api_org_", Alphabet::Plain, 30),
    ("github_pat_", Alphabet::Address, 22),
    ("glpat- glrt- gldt- xapp- ya29. GOCSPX- sk-", Alphabet::Address, 20),
    ("xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe.", Alphabet::Address, 10),
    ("hooks.slack.com/services/", Alphabet::Header, 20),
    ("discord.com/api/webhooks/ SG.", Alphabet::Header, 60),
    ("sk_live_ sk_test_ rk_live_ rk_test_", Alphabet::Plain, 16),
    ("whsec_", Alphabet::Header, 24),
    ("AIza", Alphabet::Address, 35),
    ("1//0 figd_", Alphabet::Address, 40),
    ("npm_", Alphabet::Plain, 36),
    ("pypi-AgE", Alphabet::Address, 50),
    ("dop_v1_ xai-", Alphabet::Plain, 60),
    ("shpat_ shpss_ dapi", Alphabet::Plain, 32),
    ("AGE-SECRET-KEY-1", Alphabet::Capitals, 50),
    ("gsk_ lin_api_ ntn_ pplx-", Alphabet::Plain, 40),
    ("r8_", Alphabet::Plain, 35),
    ("hvs.", Alphabet::Address, 24),
];

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

    /// Records the examined range.
    fn note(&mut self, start: usize, end: usize) {
        self.end = self.end.max(end);
        self.looked_at += end - start;
    }
}

#[derive(Debug)]
pub(super) struct Prefixes {
    keys: Vec<Key>,
    automaton: AhoCorasick,
}

impl Prefixes {
    pub fn new() -> Result<Self> {
        let key = |prefix, &(_, alphabet, shortest): &_| Key { prefix, alphabet, shortest };
        let mut keys: Vec<Key> = SHAPES.iter().map(|shape| key(shape.0, shape)).collect();
        keys.extend(KEYS.iter().flat_map(|own| own.0.split(' ').map(|prefix| key(prefix, own))));
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(keys.iter().map(|key| key.prefix))
            .map_err(|cause| Error::Refused(format!("the prefixes of keys cannot be searched: {cause}")))?;
        Ok(Self { keys, automaton })
    }

    pub fn find(&self, bytes: &[u8], scanned: &mut Scanned, findings: &mut Vec<Finding>) {
        let mut past = 0;
        for found in self.automaton.find_iter(bytes) {
            let Some(key) = self.keys.get(found.pattern().as_usize()) else { continue };
            let (start, end) = (found.start(), found.end());
            let within = is_word(before(bytes, start)) && !matches!(key.prefix, "-----BEGIN " | "Q~");
            if start < past || within || !scanned.admits(end) {
                continue;
            }
            scanned.note(end, run(bytes, Alphabet::Header, end));
            let span = match key.prefix {
                "-----BEGIN " => block(bytes, start).map(|end| (start, end)),
                "PuTTY-User-Key-File-" => putty(bytes, start).map(|end| (start, end)),
                "eyJ" => web_token(bytes, start).map(|end| (start, end)),
                "Q~" => azure_client(bytes, key, start),
                "Basic " | "Bearer " => header(bytes, key, start).map(|own| (end, own)),
                _ => prefixed(bytes, key, end).map(|end| (start, end)),
            };
            if let Some((start, end)) = span {
                findings.push(Finding { class: Class::Secret, start, end });
                past = end;
            }
        }
    }
}

/// The end of the run of an alphabet at `start`, without punctuation that ends a sentence.
fn run(bytes: &[u8], alphabet: Alphabet, start: usize) -> usize {
    let mut end = start;
    while alphabet.holds(at(bytes, end)) && end - start < MAX_KEY_BYTES {
        end += 1;
    }
    while end > start && matches!(before(bytes, end), b'.' | b'-') {
        end -= 1;
    }
    end
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

/// The end of a key whose prefix ends at `start`.
fn prefixed(bytes: &[u8], key: &Key, start: usize) -> Option<usize> {
    let end = run(bytes, key.alphabet, start);
    let body = between(bytes, start, end);
    let fits = match key.alphabet {
        // Amazon's have a fixed length; a longer run of capitals is something else.
        Alphabet::Capitals if key.shortest == 16 => body.len() == 16 && !is_word(at(bytes, end)),
        Alphabet::Plain => body.len() >= key.shortest && (is_random(body) || is_mixed(body)),
        _ => body.len() >= key.shortest && is_random(body),
    };
    fits.then_some(end)
}

/// A client secret of Microsoft Entra around the `Q~` at `mark`: three characters and a digit before it, 31 to 34 characters
/// after it.
fn azure_client(bytes: &[u8], key: &Key, mark: usize) -> Option<(usize, usize)> {
    let start = mark.checked_sub(4)?;
    let end = run(bytes, key.alphabet, mark + 2);
    let fits = at(bytes, mark - 1).is_ascii_digit()
        && !is_word(before(bytes, start))
        && between(bytes, start, mark).iter().all(|byte| Alphabet::Header.holds(*byte))
        && (31..=34).contains(&(end - mark - 2))
        && is_random(between(bytes, start, end));
    fits.then_some((start, end))
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

/// The end of a private key in PuTTY's format, up to the line with its checksum.
fn putty(bytes: &[u8], start: usize) -> Option<usize> {
    let text = between(bytes, start, (start + MAX_BLOCK_BYTES).min(bytes.len()));
    let sum = memmem::find(text, b"Private-MAC:")?;
    let line = between(text, sum, text.len());
    Some(start + sum + memchr::memchr(b'\n', line).unwrap_or(line.len()))
}

/// The end of a JSON web token (RFC 7519): three parts joined by dots, the first two of JSON in base64, the third optional.
fn web_token(bytes: &[u8], start: usize) -> Option<usize> {
    let head = run(bytes, Alphabet::Address, start);
    let claims = between(bytes, head, head + 4) == b".eyJ";
    if head - start < 10 || !claims {
        return None;
    }
    let body = run(bytes, Alphabet::Address, head + 1);
    let signed = at(bytes, body) == b'.' && Alphabet::Address.holds(at(bytes, body + 1));
    let end = if signed { run(bytes, Alphabet::Address, body + 1) } else { body };
    (body - head > 10).then_some(end)
}

/// The end of the token after `Basic ` or `Bearer ` in an authorisation header.
fn header(bytes: &[u8], key: &Key, start: usize) -> Option<usize> {
    let named = memmem::find(between(bytes, start.saturating_sub(24), start), b"uthorization").is_some();
    let first = start + key.prefix.len();
    let end = run(bytes, key.alphabet, first);
    let body = between(bytes, first, end);
    let fits = body.len() >= key.shortest && (is_random(body) || named);
    (fits && (named || key.prefix == "Bearer ")).then_some(end)
}

/// The end of a PEM private key (RFC 7468) at `start`; without an end marker, of the lines that can belong to it.
fn block(bytes: &[u8], start: usize) -> Option<usize> {
    const MARK: &[u8] = b"-----";
    let label = start + b"-----BEGIN ".len();
    let length = memmem::find(between(bytes, label, (label + 48).min(bytes.len())), MARK)?;
    memmem::find(between(bytes, label, label + length), b"PRIVATE KEY")?;
    let body = label + length + MARK.len();
    let limit = (body + MAX_BLOCK_BYTES).min(bytes.len());
    if let Some(offset) = memmem::find(between(bytes, body, limit), MARK) {
        let closing = body + offset + MARK.len();
        if between(bytes, closing, closing + 4) == b"END " {
            let rest = between(bytes, closing, (closing + 64).min(bytes.len()));
            return Some(memmem::find(rest, MARK).map_or(closing, |offset| closing + offset + MARK.len()));
        }
    }
    let mut end = body;
    while end < limit {
        let line = between(bytes, end, limit);
        let length = memchr::memchr(b'\n', line).map_or(line.len(), |at| at + 1);
        let text = between(line, 0, length).trim_ascii();
        let belongs = end == body
            || (!text.is_empty() && (!text.contains(&b' ') || memmem::find(text, b": ").is_some()));
        if !belongs || text.starts_with(MARK) {
            break;
        }
        end += length;
    }
    // The limit may be inside a character.
    while end > body && end < bytes.len() && at(bytes, end) & 0xc0 == 0x80 {
        end -= 1;
    }
    Some(end)
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
        && value.iter().all(|byte| Alphabet::Header.holds(*byte) || matches!(byte, b':' | b'%'))
        && is_random(value)
}
