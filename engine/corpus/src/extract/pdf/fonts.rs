//! Fonts, as far as text needs them: what each code stands for, and how wide it is.

use std::collections::BTreeMap;

use super::encodings::{ToUnicode, encoded, named};
use super::file::File;
use super::objects::{Dictionary, Object};

/// Entries that are read of what an encoding changes.
const DIFFERENCES: usize = 1024;

/// A font.
pub(super) struct Font {
    to_unicode: ToUnicode,
    widths: BTreeMap<u32, (u32, f64)>,
    default_width: f64,
    sort: Sort,
}

enum Sort {
    /// Codes of one byte, and what each stands for.
    Simple(Vec<String>),
    /// Codes of two bytes; whether they are Unicode themselves.
    Composite(bool),
}

impl Font {
    /// Reads a font's dictionary.
    pub(super) fn new(file: &mut File<'_>, dictionary: &Dictionary) -> Self {
        let to_unicode = dictionary
            .get("ToUnicode")
            .and_then(|table| file.stream(table))
            .and_then(|stream| file.unpack(&stream))
            .map(|bytes| ToUnicode::new(&bytes))
            .unwrap_or_default();
        if file.value(dictionary, "Subtype").name() == Some("Type0") {
            Self::composite(file, dictionary, to_unicode)
        } else {
            Self::simple(file, dictionary, to_unicode)
        }
    }

    fn simple(file: &File<'_>, dictionary: &Dictionary, to_unicode: ToUnicode) -> Self {
        let encoding = file.value(dictionary, "Encoding");
        let subtype = file.value(dictionary, "Subtype");
        let (base, differences) = match &encoding {
            Object::Name(name) => (Some(name.clone()), Vec::new()),
            Object::Dictionary(encoding) => {
                let differences = match file.value(encoding, "Differences") {
                    Object::Array(differences) => differences,
                    _ => Vec::new(),
                };
                (file.value(encoding, "BaseEncoding").name().map(str::to_owned), differences)
            }
            _ => (None, Vec::new()),
        };
        let default = if subtype.name() == Some("TrueType") { "WinAnsiEncoding" } else { "StandardEncoding" };
        let base = base.unwrap_or_else(|| default.to_owned());
        let mut shown: Vec<String> =
            (0..=255).map(|code| encoded(&base, code).map(String::from).unwrap_or_default()).collect();
        let mut code = 0_usize;
        for difference in differences.iter().take(DIFFERENCES) {
            match file.resolve(difference) {
                Object::Number(number) => code = number.clamp(0.0, 256.0) as usize,
                Object::Name(name) => {
                    if let Some(slot) = shown.get_mut(code) {
                        *slot = named(&name).unwrap_or_default();
                    }
                    code += 1;
                }
                _ => {}
            }
        }
        let descriptor = dictionary.get("FontDescriptor").and_then(|descriptor| file.dictionary(descriptor));
        let missing =
            descriptor.as_ref().and_then(|descriptor| file.value(descriptor, "MissingWidth").number());
        let mut widths = BTreeMap::new();
        if let (Object::Number(first), Object::Array(list)) =
            (file.value(dictionary, "FirstChar"), file.value(dictionary, "Widths"))
        {
            let codes = first.clamp(0.0, 255.0) as u32..=255;
            for (code, width) in codes.zip(&list) {
                if let Some(width) = file.resolve(width).number() {
                    widths.insert(code, (code, width));
                }
            }
        }
        // A type 3 font says in units of its own how wide its characters are.
        if subtype.name() == Some("Type3")
            && let Object::Array(matrix) = file.value(dictionary, "FontMatrix")
            && let Some(scale) = matrix.first().and_then(Object::number)
        {
            widths.values_mut().for_each(|(_, width)| *width *= scale * 1000.0);
        }
        // The fonts that every reader has bring no widths: half their size is near enough to tell words apart.
        let default_width =
            missing.filter(|width| *width > 0.0).unwrap_or(if widths.is_empty() { 500.0 } else { 0.0 });
        Self { to_unicode, widths, default_width, sort: Sort::Simple(shown) }
    }

    fn composite(file: &File<'_>, dictionary: &Dictionary, to_unicode: ToUnicode) -> Self {
        let encoding = file.value(dictionary, "Encoding");
        let unicode = encoding.name().is_some_and(|name| name.contains("UCS2") || name.contains("UTF16"));
        let descendant = match file.value(dictionary, "DescendantFonts") {
            Object::Array(fonts) => fonts.first().and_then(|font| file.dictionary(font)),
            font => file.dictionary(&font),
        };
        let descendant = descendant.unwrap_or_default();
        let default_width = file.value(&descendant, "DW").number().unwrap_or(1000.0);
        let mut widths = BTreeMap::new();
        if let Object::Array(list) = file.value(&descendant, "W") {
            let mut list = list.iter().map(|object| file.resolve(object));
            while let (Some(Object::Number(first)), Some(second)) = (list.next(), list.next()) {
                let first = first.clamp(0.0, 65535.0) as u32;
                match second {
                    Object::Array(each) => {
                        for (code, width) in (first..65536).zip(&each) {
                            widths
                                .insert(code, (code, file.resolve(width).number().unwrap_or(default_width)));
                        }
                    }
                    Object::Number(last) => {
                        let Some(Object::Number(width)) = list.next() else { break };
                        widths.insert(first, (last.clamp(0.0, 65535.0) as u32, width));
                    }
                    _ => break,
                }
            }
        }
        Self { to_unicode, widths, default_width, sort: Sort::Composite(unicode) }
    }

    /// Hands over each character of a string: what it stands for, its width in thousandths of the font's size, and whether it
    /// is the space that is stretched to justify lines.
    pub(super) fn characters(&self, bytes: &[u8], mut each: impl FnMut(&str, f64, bool)) {
        let mut text = String::new();
        match &self.sort {
            Sort::Simple(shown) => {
                for &byte in bytes {
                    text.clear();
                    if !self.to_unicode.write(u32::from(byte), &mut text)
                        && let Some(shown) = shown.get(usize::from(byte))
                    {
                        text.push_str(shown);
                    }
                    each(&text, self.width(u32::from(byte)), byte == b' ');
                }
            }
            Sort::Composite(unicode) => {
                for pair in bytes.chunks(2) {
                    let code = pair.iter().fold(0, |code, &byte| code << 8 | u32::from(byte));
                    text.clear();
                    if !self.to_unicode.write(code, &mut text) {
                        match char::from_u32(code) {
                            Some(character) if *unicode && !character.is_control() => text.push(character),
                            // What it stands for is known only to the font's own drawing of it.
                            _ if self.to_unicode.is_empty() => text.push('\u{FFFD}'),
                            _ => {}
                        }
                    }
                    each(&text, self.width(code), false);
                }
            }
        }
    }

    fn width(&self, code: u32) -> f64 {
        let found = self.widths.range(..=code).next_back();
        found.filter(|(_, (last, _))| code <= *last).map_or(self.default_width, |(_, (_, width))| *width)
    }
}
