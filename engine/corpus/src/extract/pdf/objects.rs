//! What a PDF is written in: numbers, names, strings, arrays, dictionaries; also the operators of a page's content.

/// How deep arrays and dictionaries may nest; what is deeper is read as if it stood in the deepest.
const DEPTH: usize = 32;

/// Objects that one array or dictionary may hold in all, lest a small file fill the memory.
const MOST: usize = 1_000_000;

/// Bytes of the longest string that is read as one.
const STRING: usize = 1 << 16;

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    Null,
    Number(f64),
    Name(String),
    Text(Vec<u8>),
    Array(Vec<Object>),
    Dictionary(Dictionary),
    /// Another object of this number.
    Reference(u32),
    /// A word that is none of the above: an operator, `obj`, `true`.
    Word(Vec<u8>),
}

impl Object {
    pub(super) fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn name(&self) -> Option<&str> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    pub(super) fn is_word(&self, word: &[u8]) -> bool {
        matches!(self, Self::Word(found) if found == word)
    }
}

/// Names with objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dictionary(pub(super) Vec<(String, Object)>);

impl Dictionary {
    pub(super) fn get(&self, name: &str) -> Option<&Object> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, object)| object)
    }
}

/// Reads objects from bytes.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) position: usize,
    /// Whether `3 0 R` is a reference: in files, not in a page's content.
    references: bool,
}

impl<'a> Reader<'a> {
    /// Of a file, where objects refer to one another.
    pub(super) fn of_file(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position, references: true }
    }

    /// Of content, where they do not.
    pub(super) fn of_content(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, references: false }
    }

    /// The next object; `None` at the end, or within an array or dictionary that holds too many.
    pub(super) fn object(&mut self) -> Option<Object> {
        let mut left = MOST;
        self.nested(0, &mut left)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.position + ahead).copied()
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek(0) {
            if byte == b'%' {
                let rest = self.bytes.get(self.position..).unwrap_or_default();
                self.position += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            } else if is_space(byte) {
                self.position += 1;
            } else {
                return;
            }
        }
    }

    fn nested(&mut self, depth: usize, left: &mut usize) -> Option<Object> {
        self.skip_space();
        *left = left.checked_sub(1)?;
        let deep = depth >= DEPTH;
        Some(match self.peek(0)? {
            b'/' => {
                self.position += 1;
                Object::Name(self.name())
            }
            b'(' => Object::Text(self.literal()),
            b'<' if self.peek(1) == Some(b'<') => {
                self.position += 2;
                if deep { Object::Null } else { Object::Dictionary(self.dictionary(depth, left)?) }
            }
            b'<' => Object::Text(self.hexadecimal()),
            b'[' => {
                self.position += 1;
                if deep { Object::Null } else { Object::Array(self.array(depth, left)?) }
            }
            b'+' | b'-' | b'.' | b'0'..=b'9' => self.number(),
            b'>' if self.peek(1) == Some(b'>') => {
                self.position += 2;
                Object::Word(b">>".to_vec())
            }
            byte @ (b'>' | b']' | b'{' | b'}' | b')') => {
                self.position += 1;
                Object::Word(vec![byte])
            }
            _ => match self.word() {
                b"null" => Object::Null,
                word => Object::Word(word.to_vec()),
            },
        })
    }

    fn array(&mut self, depth: usize, left: &mut usize) -> Option<Vec<Object>> {
        let mut objects = Vec::new();
        loop {
            self.skip_space();
            match self.peek(0) {
                None => return Some(objects),
                Some(b']') => {
                    self.position += 1;
                    return Some(objects);
                }
                Some(_) => match self.nested(depth + 1, left)? {
                    // The array was never closed.
                    Object::Word(word) if is_end(&word) || word == b">>" => return Some(objects),
                    object => objects.push(object),
                },
            }
        }
    }

    fn dictionary(&mut self, depth: usize, left: &mut usize) -> Option<Dictionary> {
        let mut entries = Vec::new();
        loop {
            self.skip_space();
            if self.peek(0).is_none() {
                return Some(Dictionary(entries));
            }
            let before = self.position;
            match self.nested(depth + 1, left)? {
                Object::Name(name) => {
                    self.skip_space();
                    if self.peek(0) == Some(b'>') && self.peek(1) == Some(b'>') {
                        continue;
                    }
                    let Some(value) = self.nested(depth + 1, left) else { return Some(Dictionary(entries)) };
                    entries.push((name, value));
                }
                Object::Word(word) if word == b">>" => return Some(Dictionary(entries)),
                Object::Word(word) if is_end(&word) => {
                    self.position = before;
                    return Some(Dictionary(entries));
                }
                _ => {}
            }
        }
    }

    fn word(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = rest.iter().position(|&byte| is_space(byte) || is_delimiter(byte)).unwrap_or(rest.len());
        // Whatever stands here, the reader moves on.
        let word = rest.get(..length.max(1)).unwrap_or(rest);
        self.position += word.len();
        word
    }

    fn name(&mut self) -> String {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = rest.iter().position(|&byte| is_space(byte) || is_delimiter(byte)).unwrap_or(rest.len());
        self.position += length;
        let mut bytes = rest.get(..length).unwrap_or_default().iter();
        let mut name = String::with_capacity(length);
        while let Some(&byte) = bytes.next() {
            let ahead = bytes.as_slice();
            let escaped = match (byte, ahead) {
                (b'#', [high, low, ..]) => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
                _ => None,
            };
            if escaped.is_some() {
                bytes.nth(1);
            }
            name.push(char::from(escaped.unwrap_or(byte)));
        }
        name
    }

    fn number(&mut self) -> Object {
        let start = self.position;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| !b"+-.0123456789".contains(byte)).unwrap_or(rest.len());
        self.position += length;
        let digits = std::str::from_utf8(rest.get(..length).unwrap_or_default()).unwrap_or_default();
        // Some producers write `--5` and `1.-2`.
        let sign = if digits.starts_with('-') { -1.0 } else { 1.0 };
        let digits = digits.trim_start_matches(['+', '-']);
        let digits = digits.split(['+', '-']).next().unwrap_or_default();
        let number = sign * digits.parse::<f64>().unwrap_or(0.0);
        if self.references
            && length <= 10
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && let Some(reference) = self.reference(digits)
        {
            return reference;
        }
        Object::Number(number)
    }

    /// What follows the number of an object that is referred to: ` 0 R`.
    fn reference(&mut self, digits: &str) -> Option<Object> {
        let number = digits.parse::<u32>().ok()?;
        let rest = self.bytes.get(self.position..)?;
        let rest = rest.get(..rest.len().min(24))?;
        let spaces = |bytes: &[u8]| bytes.iter().take_while(|&&byte| is_space(byte)).count();
        let first = spaces(rest);
        let generation = rest.get(first..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let second = spaces(rest.get(first + generation..)?);
        let end = first + generation + second;
        let ends = rest.get(end + 1).is_none_or(|&byte| is_space(byte) || is_delimiter(byte));
        if first == 0 || generation == 0 || second == 0 || rest.get(end) != Some(&b'R') || !ends {
            return None;
        }
        self.position += end + 1;
        Some(Object::Reference(number))
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        self.position += 1;
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let rest = rest.get(..STRING).unwrap_or(rest);
        let length = memchr::memchr(b'>', rest).unwrap_or(rest.len());
        self.position += (length + 1).min(rest.len());
        let mut digits = rest.get(..length).unwrap_or_default().iter().filter_map(|&byte| digit(byte));
        let mut bytes = Vec::with_capacity(length / 2 + 1);
        while let Some(high) = digits.next() {
            bytes.push(high << 4 | digits.next().unwrap_or(0));
        }
        bytes
    }

    fn literal(&mut self) -> Vec<u8> {
        self.position += 1;
        let mut bytes = Vec::new();
        let mut open = 1;
        while let Some(byte) = self.peek(0).filter(|_| bytes.len() < STRING) {
            self.position += 1;
            match byte {
                b'(' => open += 1,
                b')' => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                b'\\' => {
                    self.escape(&mut bytes);
                    continue;
                }
                _ => {}
            }
            bytes.push(byte);
        }
        bytes
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let Some(byte) = self.peek(0) else { return };
        self.position += 1;
        match byte {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'b' | b'f' => bytes.push(b' '),
            b'\r' => {
                if self.peek(0) == Some(b'\n') {
                    self.position += 1;
                }
            }
            b'\n' => {}
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(octal @ b'0'..=b'7') = self.peek(0) else { break };
                    value = value * 8 + u32::from(octal - b'0');
                    self.position += 1;
                }
                bytes.push(u8::try_from(value & 0xFF).unwrap_or_default());
            }
            _ => bytes.push(byte),
        }
    }
}

/// Whether an array or dictionary that is still open here was never closed.
fn is_end(word: &[u8]) -> bool {
    matches!(word, b"obj" | b"endobj" | b"stream")
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\x0C' | b'\0')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// A hexadecimal digit's value.
pub(super) fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
