//! PDF fonts, as far as text extraction needs them: the characters and widths of a string's codes.

use super::content::number;
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, SHIFT_JIS};
use hayro_cmap::{BfString, CMap};
use hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use pdf_encoding::{ForwardMap, MACEXPERT, MACROMAN, STANDARD, SYMBOL, WINANSI, ZDINGBAT};
use rustc_hash::FxHashMap;
use unicode_normalization::UnicodeNormalization as _;

pub(super) struct Font {
    codes: Codes,
    to_unicode: Option<CMap>,
    /// Widths by code, or by CID in a composite font, as fractions of the font size.
    widths: FxHashMap<u32, f64>,
    default_width: f64,
    /// Whether lines run from top to bottom.
    pub(super) is_vertical: bool,
    /// Bytes unpacked to read it, plus a flat cost.
    pub(super) cost: usize,
}

/// Cost of a font in addition to its streams.
const FLAT_COST: usize = 4096;

/// Maximum widths listed by a composite font, and the highest CID.
const WIDTHS: usize = 1 << 20;
const HIGHEST: u32 = 0xffff;

/// How a string is split into codes, and their meanings without a `ToUnicode` table.
enum Codes {
    /// One byte per code.
    Simple(Vec<Option<String>>),
    /// Variable-length codes, which a table maps to CIDs.
    Mapped(Box<CMap>),
    /// UTF-16 code units.
    Utf16,
    Legacy(&'static Encoding),
}

pub(super) struct Shown {
    /// The characters; `None` if the font does not define them.
    pub text: Option<String>,
    /// Width as a fraction of the font size.
    pub width: f64,
    /// Whether it is the single byte 32, which word spacing widens.
    pub is_space: bool,
}

impl Font {
    pub(super) fn new(dict: &Dict<'_>) -> Self {
        let mut cost = FLAT_COST;
        let to_unicode = match dict.get::<Object<'_>>("ToUnicode") {
            Some(Object::Stream(stream)) => cmap(&stream, &mut cost),
            _ => None,
        };
        match dict.get::<Array<'_>>("DescendantFonts").and_then(|fonts| fonts.iter::<Dict<'_>>().next()) {
            Some(descendant) => Self::composite(dict, &descendant, to_unicode, cost),
            None => Self::simple(dict, to_unicode, cost),
        }
    }

    fn simple(dict: &Dict<'_>, to_unicode: Option<CMap>, mut cost: usize) -> Self {
        let subtype = dict.get::<Name<'_>>("Subtype");
        let is = |name: &str| subtype.as_ref().is_some_and(|subtype| subtype.as_str() == name);
        // A Type 3 font has its own scale.
        let matrix = dict.get::<[f64; 6]>("FontMatrix").filter(|_| is("Type3"));
        let unit = matrix.map_or(0.001, |[a, b, ..]| a.hypot(b));
        let first = dict.get::<u32>("FirstChar").unwrap_or(0);
        let mut widths: FxHashMap<u32, f64> = FxHashMap::default();
        if let Some(listed) = dict.get::<Array<'_>>("Widths") {
            let listed = listed.iter::<f64>().take(256).enumerate();
            widths.extend(listed.map(|(index, width)| (first.saturating_add(index as u32), width * unit)));
        }
        let descriptor = dict.get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
        let name = dict.get::<Name<'_>>("BaseFont").map(|name| name.as_str().to_owned()).unwrap_or_default();
        let meanings = meanings(dict, &descriptor, &name, &mut cost);
        let mut default_width = descriptor.get::<f64>("MissingWidth").unwrap_or(0.0) * unit;
        if widths.is_empty() {
            default_width = 0.556;
            for (code, meaning) in meanings.iter().enumerate() {
                if let Some(letter) = meaning.as_ref().and_then(|text| text.chars().next()) {
                    widths.insert(code as u32, standard_width(&name, letter));
                }
            }
        }
        Self { codes: Codes::Simple(meanings), to_unicode, widths, default_width, is_vertical: false, cost }
    }

    fn composite(dict: &Dict<'_>, descendant: &Dict<'_>, to_unicode: Option<CMap>, mut cost: usize) -> Self {
        let (mut codes, mut is_vertical) = (Codes::Mapped(Box::new(CMap::identity_h())), false);
        match dict.get::<Object<'_>>("Encoding") {
            Some(Object::Name(name)) => {
                let name = name.as_str();
                is_vertical = name.ends_with("-V") || name == "V";
                codes = predefined(name).unwrap_or(codes);
            }
            Some(Object::Stream(stream)) => {
                is_vertical = stream.dict().get::<u8>("WMode") == Some(1);
                let parsed = cmap(&stream, &mut cost);
                codes = parsed.map_or(codes, |map| Codes::Mapped(Box::new(map)));
            }
            _ => {}
        }
        let mut widths = FxHashMap::default();
        // One range may be listed many times.
        let mut left = WIDTHS;
        let mut listed = descendant.get::<Array<'_>>("W").unwrap_or_default().iter::<Object<'_>>();
        while let (Some(first), Some(second)) = (listed.next(), listed.next()) {
            let Some(first) = first.into_number().map(|first| number(first) as u32) else { continue };
            match second {
                Object::Array(each) => {
                    for (code, width) in (first..=HIGHEST).zip(each.iter::<f64>()).take(left) {
                        widths.insert(code, width / 1000.0);
                        left -= 1;
                    }
                }
                Object::Number(last) => {
                    let Some(width) = listed.next().and_then(Object::into_number) else { break };
                    let last = (number(last) as u32).min(HIGHEST);
                    for code in (first..=last).take(left) {
                        widths.insert(code, number(width) / 1000.0);
                        left -= 1;
                    }
                }
                _ => {}
            }
            if left == 0 {
                break;
            }
        }
        cost += WIDTHS - left;
        let default_width = descendant.get::<f64>("DW").unwrap_or(1000.0) / 1000.0;
        Self { codes, to_unicode, widths, default_width, is_vertical, cost }
    }

    pub(super) fn read(&self, mut bytes: &[u8], mut on_shown: impl FnMut(Shown)) {
        while let Some(&lead) = bytes.first() {
            let (length, code, character) = self.code(bytes);
            let (used, rest) = bytes.split_at(length.min(bytes.len()));
            bytes = rest;
            let text = self.meaning(code).or_else(|| match &self.codes {
                Codes::Simple(meanings) => meanings.get(usize::from(lead)).cloned().flatten(),
                Codes::Mapped(_) => None,
                Codes::Utf16 => Some(encoding_rs::UTF_16BE.decode_without_bom_handling(used).0.into_owned()),
                Codes::Legacy(encoding) => Some(encoding.decode_without_bom_handling(used).0.into_owned()),
            });
            let is_half = length == 1 && matches!(self.codes, Codes::Legacy(_));
            let width = match self.widths.get(&character) {
                _ if self.is_vertical => 1.0,
                Some(width) => *width,
                None if is_half => 0.5,
                None => self.default_width,
            };
            on_shown(Shown { text, width, is_space: used == [32] });
        }
    }

    /// Length in bytes, code and CID of the first code.
    fn code(&self, bytes: &[u8]) -> (usize, u32, u32) {
        let of = |length: usize| bytes.iter().take(length).fold(0, |code, byte| code << 8 | u32::from(*byte));
        match &self.codes {
            Codes::Simple(_) => (1, of(1), of(1)),
            Codes::Mapped(map) => {
                let found = (1..=bytes.len().min(4)).find_map(|length| {
                    Some((length, of(length), map.lookup_cid_code(of(length), length as u8)?))
                });
                found.unwrap_or_else(|| (2, of(2), of(2)))
            }
            Codes::Utf16 => {
                let is_pair = bytes.first().is_some_and(|lead| (0xd8..0xdc).contains(lead));
                let length = if is_pair { 4 } else { 2 };
                // These tables map codes to CIDs that differ from Unicode: no width is looked up.
                (length, of(length), u32::MAX)
            }
            Codes::Legacy(encoding) => {
                let single = |lead: u8| lead < 0x80 || *encoding == SHIFT_JIS && (0xa0..0xe0).contains(&lead);
                let length = if bytes.first().is_some_and(|lead| single(*lead)) { 1 } else { 2 };
                (length, of(length), u32::MAX)
            }
        }
    }

    /// A code's characters in the font's `ToUnicode` table.
    fn meaning(&self, code: u32) -> Option<String> {
        match self.to_unicode.as_ref()?.lookup_bf_string(code)? {
            // Some tables contain these for unknown characters.
            BfString::Char('\0' | '\u{fffd}') => None,
            BfString::Char(letter) => Some(letter.into()),
            BfString::String(text) => Some(text),
        }
    }
}

/// Parses the table in a stream and adds its length to the cost.
fn cmap(stream: &Stream<'_>, cost: &mut usize) -> Option<CMap> {
    let data = super::unpacked(stream)?;
    *cost += data.len();
    CMap::parse(&data, |_| None)
}

/// The named encodings of East Asian text. `H` and `V`, which number rows and cells, are not supported.
fn predefined(name: &str) -> Option<Codes> {
    if name.contains("UCS2") || name.contains("UTF16") {
        return Some(Codes::Utf16);
    }
    let known: [(&str, &'static Encoding); 9] = [
        ("RKSJ", SHIFT_JIS),
        ("GB", GB18030),
        ("B5", BIG5),
        ("HKscs", BIG5),
        ("KSC", EUC_KR),
        ("EUC-H", EUC_JP),
        ("EUC-V", EUC_JP),
        ("UHC", EUC_KR),
        ("ETen", BIG5),
    ];
    known.iter().find(|(part, _)| name.contains(part)).map(|(_, encoding)| Codes::Legacy(encoding))
}

/// The meanings of the 256 codes of a simple font.
fn meanings(dict: &Dict<'_>, descriptor: &Dict<'_>, name: &str, cost: &mut usize) -> Vec<Option<String>> {
    let encoding = dict.get::<Dict<'_>>("Encoding");
    let base = match &encoding {
        Some(encoding) => encoding.get::<Name<'_>>("BaseEncoding"),
        None => dict.get::<Name<'_>>("Encoding"),
    };
    let is_symbol = name.ends_with("Symbol");
    let is_dingbat = name.contains("Dingbats");
    let base: &ForwardMap = match base.as_ref().map(Name::as_str) {
        _ if is_symbol => &SYMBOL,
        _ if is_dingbat => &ZDINGBAT,
        Some("WinAnsiEncoding") => &WINANSI,
        Some("MacRomanEncoding") => &MACROMAN,
        Some("MacExpertEncoding") => &MACEXPERT,
        Some(_) => &STANDARD,
        // A TrueType font without an encoding usually has the Windows one.
        None if descriptor.contains_key("FontFile2") => &WINANSI,
        None => &STANDARD,
    };
    let mut meanings: Vec<Option<String>> = (0..=255).map(|code| base.get(code).map(String::from)).collect();
    let mut set = |code: usize, name: &str| {
        if let Some(meaning) = meanings.get_mut(code) {
            *meaning = of_name(name).or_else(|| cork(name));
        }
    };
    if encoding.is_none()
        && let Some(program) = descriptor.get::<Stream<'_>>("FontFile")
        && let Some(program) = super::unpacked(&program)
    {
        *cost += program.len();
        for (code, name) in built_in(&program) {
            set(code, &name);
        }
    }
    let mut code = 0;
    for item in encoding
        .and_then(|encoding| encoding.get::<Array<'_>>("Differences"))
        .unwrap_or_default()
        .iter::<Object<'_>>()
    {
        match item {
            Object::Number(at) => code = number(at) as usize,
            Object::Name(name) => {
                set(code, name.as_str());
                code += 1;
            }
            _ => {}
        }
    }
    meanings
}

/// The encoding in a Type 1 font's program: lines like `dup 65 /A put`.
fn built_in(program: &[u8]) -> Vec<(usize, String)> {
    let end = memchr::memmem::find(program, b"eexec").unwrap_or(program.len());
    let text = String::from_utf8_lossy(program.get(..end).unwrap_or_default());
    let mut words = text.split_ascii_whitespace().peekable();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        if word == "dup"
            && let Some(code) = words.peek().and_then(|code| code.parse().ok())
            && let Some(name) = words.nth(1).and_then(|name| name.strip_prefix('/'))
        {
            found.push((code, name.to_owned()));
        }
    }
    found
}

/// The characters of a glyph name, by the Adobe Glyph List: `f_i.alt`, `uni20AC`, `u1F600` and listed names.
fn of_name(name: &str) -> Option<String> {
    let mut text = String::new();
    for part in name.split('.').next()?.split('_') {
        let scalar = |digits: &str| char::from_u32(u32::from_str_radix(digits, 16).ok()?);
        if let Some(known) = pdf_encoding::glyphname_to_unicode(part) {
            text.push_str(known);
        } else if let Some(digits) =
            part.strip_prefix("uni").filter(|digits| digits.len() >= 4 && digits.is_ascii())
        {
            text.extend(
                digits.as_bytes().chunks_exact(4).filter_map(|each| scalar(std::str::from_utf8(each).ok()?)),
            );
        } else if let Some(digits) = part.strip_prefix('u').filter(|digits| (4..=6).contains(&digits.len())) {
            text.extend(scalar(digits));
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The character of a glyph name in TeX's bitmap fonts: `a65`, in the Cork encoding.
fn cork(name: &str) -> Option<String> {
    let code: u8 = name.strip_prefix('a')?.parse().ok()?;
    const LOW: [&str; 16] =
        ["“", "”", "„", "«", "»", "–", "—", "", "", "ı", "ȷ", "ff", "fi", "fl", "ffi", "ffl"];
    Some(match code {
        16..32 => (*LOW.get(usize::from(code - 16))?).to_owned(),
        b'\'' => "’".to_owned(),
        b'`' => "‘".to_owned(),
        215 => "Œ".to_owned(),
        247 => "œ".to_owned(),
        223 => "SS".to_owned(),
        255 => "ß".to_owned(),
        32..127 | 192.. => char::from(code).to_string(),
        _ => return None,
    })
}

/// The width of a letter in a standard font, which need not state it: Helvetica's, or Times's if the name contains that.
fn standard_width(name: &str, letter: char) -> f64 {
    // Thousandths of the font size, for the letters from space to `~`.
    const HELVETICA: [u16; 95] = [
        278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556,
        556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778,
        722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278,
        278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
        556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
    ];
    const TIMES: [u16; 95] = [
        250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500, 500,
        500, 500, 500, 500, 500, 500, 278, 278, 564, 564, 564, 444, 921, 722, 667, 667, 722, 611, 556, 722,
        722, 333, 389, 722, 611, 889, 722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722, 722, 611, 333,
        278, 333, 469, 500, 333, 444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500, 278, 778, 500, 500,
        500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541,
    ];
    if name.contains("Courier") || name.contains("Mono") {
        return 0.6;
    }
    let is_serif = name.contains("Times") || name.contains("Serif");
    let widths = if is_serif { TIMES } else { HELVETICA };
    let base = letter.nfd().next().unwrap_or(letter);
    let at = (base as usize).wrapping_sub(32);
    widths.get(at).map_or(0.5, |width| f64::from(*width) / 1000.0)
}
