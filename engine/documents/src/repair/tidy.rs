//! Cleans up control and invisible characters, line endings and white space in one pass.

use super::Counts;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Ordinary,
    Space,
    LineEnd,
    Control,
    Invisible,
    /// Joins letters in some scripts and people in emoji; invisible elsewhere.
    Joiner,
    /// Separates words in scripts without spaces; invisible elsewhere.
    Border,
}

/// White space stays if `keeps_space` is set, except for line endings.
pub(super) fn tidy(text: &str, keeps_space: bool, counts: &mut Counts) -> Option<String> {
    if is_tidy(text.as_bytes()) {
        return None;
    }
    let mut pass = Pass {
        keeps_space,
        counts: Counts::default(),
        result: String::with_capacity(text.len()),
        space: String::new(),
        lines: 0,
        removed: 0,
        line_is_empty: true,
        fence: None,
        is_code: false,
    };
    pass.run(text);
    if pass.result == text {
        return None;
    }
    let done = pass.counts;
    counts.add(&done);
    counts.white_space += pass.removed as u64;
    Some(pass.result)
}

/// Fast check that nothing needs to change: ASCII letters and punctuation, single spaces, at most one blank line. Non-ASCII
/// characters pass if their first byte belongs to no character that this pass changes.
fn is_tidy(bytes: &[u8]) -> bool {
    // The start and the end of the text count as blank lines: white space there is untidy.
    let mut before = b'\n';
    let mut blank = 2;
    for &byte in bytes {
        match byte {
            b'\n' => {
                blank += 1;
                if before == b' ' || blank > 2 {
                    return false;
                }
            }
            b' ' => {
                if before == b' ' || before == b'\n' {
                    return false;
                }
            }
            0..=0x1F | 0x7F => return false,
            // Latin-1 controls and no-break space, Arabic and Mongolian marks, general punctuation and spaces, private and
            // special code points, tags. General punctuation includes dashes and quotation marks, so these texts take the slow
            // path.
            0xC2 | 0xD8 | 0xE1 | 0xE2 | 0xE3 | 0xEF | 0xF0..=0xF4 => return false,
            _ => blank = 0,
        }
        before = byte;
    }
    bytes.is_empty() || !matches!(before, b' ' | b'\n')
}

struct Pass {
    keeps_space: bool,
    counts: Counts,
    result: String,
    /// White space since the last character of the line, written once the next character is known.
    space: String,
    /// Line ends since the last character, also written once the next one is known.
    lines: usize,
    /// Bytes of white space removed.
    removed: usize,
    /// Whether the line has no character yet, so that white space is indentation.
    line_is_empty: bool,
    /// The Markdown fence of the current code block.
    fence: Option<(u8, usize)>,
    /// Whether the line is code, whose runs of spaces are kept: inside a fence, or indented like code.
    is_code: bool,
}

impl Pass {
    fn run(&mut self, text: &str) {
        let mut rest = text;
        let mut before = None;
        loop {
            let plain = rest.bytes().position(|byte| !(0x21..=0x7E).contains(&byte)).unwrap_or(rest.len());
            let (word, tail) = rest.split_at_checked(plain).unwrap_or((rest, ""));
            if !word.is_empty() {
                self.write(word);
                before = word.chars().next_back();
            }
            let mut characters = tail.chars();
            let Some(character) = characters.next() else { break };
            rest = characters.as_str();
            match class(character) {
                Class::Space => self.space(character),
                Class::LineEnd => rest = self.line_end(character, rest),
                Class::Control => {
                    self.counts.controls += 1;
                    continue;
                }
                kind @ (Class::Invisible | Class::Joiner | Class::Border)
                    if !acts(kind, before, rest.chars().next()) =>
                {
                    self.counts.invisible += 1;
                    continue;
                }
                // A regional flag is followed by tags.
                _ if character == '\u{1F3F4}' => {
                    let (tags, behind) = rest.split_at(region(rest));
                    self.write("\u{1F3F4}");
                    self.result.push_str(tags);
                    rest = behind;
                }
                _ => self.write(character.encode_utf8(&mut [0; 4])),
            }
            before = Some(character);
        }
        if self.keeps_space {
            self.flush();
        } else {
            self.removed += self.lines + self.space.len();
        }
    }

    fn space(&mut self, character: char) {
        if !self.keeps_space && character != '\t' {
            self.space.push(' ');
            self.removed += character.len_utf8() - 1;
        } else {
            self.space.push(character);
        }
    }

    /// Processes a line ending; returns the rest of the text.
    fn line_end<'t>(&mut self, character: char, rest: &'t str) -> &'t str {
        let rest = if character == '\r' { rest.strip_prefix('\n').unwrap_or(rest) } else { rest };
        self.counts.line_endings += u64::from(character != '\n');
        if !self.keeps_space {
            self.removed += self.space.len();
            self.space.clear();
        } else if !self.space.is_empty() {
            self.flush();
        }
        self.lines += 1;
        self.line_is_empty = true;
        rest
    }

    /// Writes the pending line ends and white space.
    fn flush(&mut self) {
        if self.lines > 0 {
            let kept = match self.result.is_empty() {
                _ if self.keeps_space || self.fence.is_some() => self.lines,
                true => 0,
                false => self.lines.min(2),
            };
            self.removed += self.lines - kept;
            self.result.extend(std::iter::repeat_n('\n', kept));
            self.lines = 0;
        }
        if !self.space.is_empty() {
            if !self.keeps_space && !self.line_is_empty && !self.is_code {
                self.result.push(' ');
                self.removed += self.space.len() - 1;
            } else {
                self.result.push_str(&self.space);
            }
            self.space.clear();
        }
    }

    fn write(&mut self, text: &str) {
        let begins = self.line_is_empty;
        if self.lines > 0 || !self.space.is_empty() {
            self.flush();
        }
        if begins {
            self.begin_line(text);
        }
        self.result.push_str(text);
        self.line_is_empty = false;
    }

    /// Examines the first characters of a line after its indentation: it may open or close a code block.
    fn begin_line(&mut self, text: &str) {
        let line = self.result.rfind('\n').map_or(0, |end| end + 1);
        let indentation = self.result.get(line..).unwrap_or_default();
        let is_indented = indentation.len() >= CODE_INDENTATION || indentation.contains('\t');
        let mark = text.bytes().next().filter(|byte| matches!(byte, b'`' | b'~'));
        let length = text.bytes().take_while(|byte| Some(*byte) == mark).count();
        match (self.fence, mark) {
            (None, Some(mark)) if length >= FENCE && !is_indented => self.fence = Some((mark, length)),
            (Some((open, least)), Some(mark)) if open == mark && length >= least && length == text.len() => {
                self.fence = None;
            }
            _ => {}
        }
        self.is_code = is_indented || self.fence.is_some();
    }
}

/// Indentation of code in Markdown, in spaces.
const CODE_INDENTATION: usize = 4;

const FENCE: usize = 3;

/// Whether an invisible character between these is meaningful: a joiner if both are emoji or letters of scripts that use it,
/// which are non-ASCII; a word boundary if both belong to a script without spaces (Thai, Lao, Burmese, Khmer).
fn acts(kind: Class, before: Option<char>, after: Option<char>) -> bool {
    let fits = |character: char| match kind {
        Class::Joiner => !character.is_ascii() && class(character) == Class::Ordinary,
        Class::Border => {
            matches!(character, '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
        }
        _ => false,
    };
    before.is_some_and(fits) && after.is_some_and(fits)
}

/// Bytes of the tags at the start that spell a region, such as `gbsct` for Scotland: three to six and a terminator.
fn region(text: &str) -> usize {
    let tags = text
        .chars()
        .take_while(|tag| matches!(tag, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}'))
        .count();
    let length = 4 * tags;
    let ends = text.get(length..).is_some_and(|rest| rest.starts_with('\u{E007F}'));
    if (3..=6).contains(&tags) && ends { length + 4 } else { 0 }
}

fn class(character: char) -> Class {
    match character {
        ' '..='~' if character != ' ' => Class::Ordinary,
        ' ' | '\t' => Class::Space,
        '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::LineEnd,
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FFF9}'..='\u{FFFB}' => {
            Class::Control
        }
        '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => {
            Class::Space
        }
        '\u{200C}' | '\u{200D}' => Class::Joiner,
        '\u{200B}' => Class::Border,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200E}' | '\u{200F}' => Class::Invisible,
        '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}' => {
            Class::Invisible
        }
        _ if u32::from(character) & 0xFFFE == 0xFFFE => Class::Control,
        _ => Class::Ordinary,
    }
}
