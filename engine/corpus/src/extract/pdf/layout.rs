//! From placed strings to lines, and from lines to paragraphs.
//!
//! Text is taken in the order in which the page draws it, which is the order of reading in what typesetters and word processors
//! write; columns come out one after another. Spaces that a file leaves out are seen by their width, paragraphs by indents, wider
//! gaps and short last lines.

use std::collections::BTreeMap;

/// A gap of this many times the size of the letters is a space.
const SPACE: f64 = 0.17;
/// Text that stands up to so much higher or lower, in sizes, is on the same line: exponents and footnote marks.
const LINE: f64 = 0.5;
/// A line that lies so many times the usual distance below another begins a paragraph.
const GAP: f64 = 1.35;
/// A line that ends before this share of its column's width is the last of its paragraph, or verse.
const SHORT: f64 = 0.75;
/// Neighbouring lines among which the right edge of a line's column is looked for, to either side.
const NEIGHBOURS: usize = 10;
/// A first or last line is a running head where it stands, but for its numbers, on so many pages, and either on this share of
/// them or with a number at its end: chapters have heads of their own.
const HEADS: usize = 3;
const HEAD_SHARE: f64 = 0.4;

/// A string as it stands on a page.
pub(super) struct Run<'a> {
    pub(super) text: &'a str,
    pub(super) start: (f64, f64),
    /// Where the line leads: a step of length 1.
    pub(super) direction: (f64, f64),
    pub(super) width: f64,
    pub(super) size: f64,
}

impl Run<'_> {
    /// Whether its numbers are such as a page can have.
    pub(super) fn is_sound(&self) -> bool {
        let numbers = [self.start.0, self.start.1, self.direction.0, self.direction.1, self.width, self.size];
        numbers.iter().all(|number| number.is_finite() && number.abs() < 1e9)
    }
}

/// A line of text: where it starts and ends along its direction, how high it stands across.
struct Line {
    text: String,
    start: f64,
    end: f64,
    height: f64,
    size: f64,
    direction: (f64, f64),
    page: usize,
}

/// Puts lines together.
#[derive(Default)]
pub(super) struct Layout {
    lines: Vec<Line>,
    page: usize,
    /// Where the last string started: shadows and bold letters are drawn twice.
    last: Option<(f64, f64)>,
    /// Characters that nobody can tell, and all.
    pub(super) unknown: usize,
    pub(super) characters: usize,
}

impl Layout {
    /// What follows stands on the next page.
    pub(super) fn next_page(&mut self) {
        self.page += 1;
        self.last = None;
    }

    /// Takes a string.
    pub(super) fn run(&mut self, run: &Run<'_>) {
        let (x, y) = run.start;
        let (right, up) = run.direction;
        // Along the line, and across it.
        let start = x * right + y * up;
        let height = y * right - x * up;
        self.unknown += run.text.matches('\u{FFFD}').count();
        self.characters += run.text.chars().count();
        if let Some(line) = self.lines.last_mut().filter(|line| line.page == self.page) {
            let size = line.size.max(run.size);
            let parallel = line.direction.0 * right + line.direction.1 * up > 0.99;
            if parallel && (line.height - height).abs() < LINE * size && start > line.end - size {
                let doubled = self.last.is_some_and(|(last, at)| {
                    (last - start).abs() < 0.1 * size && (at - height).abs() < 0.1 * size
                });
                if doubled && line.text.ends_with(run.text) {
                    return;
                }
                let gap = start - line.end > SPACE * run.size.max(0.1);
                if gap && !line.text.ends_with(' ') && !run.text.starts_with(' ') && !line.text.is_empty() {
                    line.text.push(' ');
                }
                // A line is as high and large as most of it.
                if run.text.len() > line.text.len() {
                    line.height = height;
                    line.size = run.size;
                }
                line.text.push_str(run.text);
                line.end = line.end.max(start + run.width);
                self.last = Some((start, height));
                return;
            }
        }
        if run.text.trim().is_empty() {
            return;
        }
        self.last = Some((start, height));
        self.lines.push(Line {
            text: run.text.to_owned(),
            start,
            end: start + run.width,
            height,
            size: run.size,
            direction: run.direction,
            page: self.page,
        });
    }

    /// The text of all pages.
    pub(super) fn finish(mut self) -> String {
        for line in &mut self.lines {
            line.text = spelled_out(line.text.trim());
        }
        self.lines.retain(|line| !line.text.is_empty());
        self.drop_heads();
        let leading = self.leading();
        let mut result = String::new();
        for (index, line) in self.lines.iter().enumerate() {
            if let Some(before) = index.checked_sub(1).and_then(|before| self.lines.get(before)) {
                let short = before.end - before.start < SHORT * (self.right_edge(index - 1) - before.start);
                join(&mut result, before, line, leading, short);
            }
            result.push_str(&line.text);
        }
        result
    }

    /// The usual distance between lines, in sizes of their letters.
    fn leading(&self) -> f64 {
        let mut distances: Vec<f64> = self
            .lines
            .windows(2)
            .filter_map(|pair| if let [above, below] = pair { below_by(above, below) } else { None })
            .filter(|distance| (0.8..3.0).contains(distance))
            .collect();
        distances.sort_by(f64::total_cmp);
        distances.get(distances.len() / 2).copied().unwrap_or(1.2)
    }

    /// How far to the right the lines around one reach that start where it does.
    fn right_edge(&self, index: usize) -> f64 {
        let Some(line) = self.lines.get(index) else { return 0.0 };
        self.lines
            .iter()
            .skip(index.saturating_sub(NEIGHBOURS))
            .take(2 * NEIGHBOURS + 1)
            .filter(|other| {
                (other.start - line.start).abs() < 3.0 * line.size && other.page.abs_diff(line.page) < 2
            })
            .map(|other| other.end)
            .fold(line.end, f64::max)
    }

    /// Drops first and last lines that are the same on many pages, and bare page numbers there.
    fn drop_heads(&mut self) {
        let pages = self.page + 1;
        let mut edges: Vec<usize> = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let differs = |other: Option<usize>| {
                other.and_then(|other| self.lines.get(other)).is_none_or(|other| other.page != line.page)
            };
            if differs(index.checked_sub(1)) || differs(Some(index + 1)) {
                edges.push(index);
            }
        }
        let key = |line: &Line| {
            line.text.chars().filter(|character| !character.is_ascii_digit()).collect::<String>()
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for line in edges.iter().filter_map(|&index| self.lines.get(index)) {
            *counts.entry(key(line)).or_default() += 1;
        }
        let many = |count: usize, line: &Line| {
            let digit = |character: char| character.is_ascii_digit();
            let numbered = line.text.starts_with(digit) || line.text.ends_with(digit);
            count >= HEADS && (numbered || count as f64 >= HEAD_SHARE * pages as f64)
        };
        let heads: Vec<usize> = edges
            .into_iter()
            .filter(|&index| {
                self.lines.get(index).is_some_and(|line| {
                    let number = line.text.bytes().all(|byte| byte.is_ascii_digit() || b"- ".contains(&byte));
                    number && pages > 1 || counts.get(&key(line)).is_some_and(|&count| many(count, line))
                })
            })
            .collect();
        let mut index = 0;
        self.lines.retain(|_| {
            let keep = heads.binary_search(&index).is_err();
            index += 1;
            keep
        });
    }
}

/// How far a line lies below another, in sizes of the letters; `None` where it stands elsewhere.
fn below_by(above: &Line, below: &Line) -> Option<f64> {
    let same = above.page == below.page && above.direction == below.direction && above.size > 0.0;
    same.then(|| (above.height - below.height) / above.size)
}

/// Writes what stands between two lines: nothing within a word, a space within a paragraph, else line ends.
fn join(result: &mut String, before: &Line, line: &Line, leading: f64, short: bool) {
    let ended = before.text.ends_with(['.', '!', '?', ':', '"', '”', '’', '»', '。', '！', '？', ')']);
    let larger = line.size > before.size * 1.15 || line.size < before.size * 0.85;
    let distance = below_by(before, line);
    // Up again, or on another page: another column, in which the paragraph may go on.
    let column = distance.is_none_or(|distance| distance < 0.0);
    let far = distance.is_some_and(|distance| distance > GAP * leading);
    let indented = !column && line.start > before.start + 0.8 * line.size && ended;
    if larger || far || indented || (short && ended) {
        result.push_str("\n\n");
    } else if starts_item(&line.text) || (short && !column) {
        result.push('\n');
    } else if !continue_word(result, &line.text) && !is_unspaced(result, &line.text) {
        result.push(' ');
    }
}

/// Takes the hyphen off a word that goes on in the next line; whether it does.
fn continue_word(result: &mut String, next: &str) -> bool {
    let Some(word) = result.strip_suffix(['-', '\u{AD}', '\u{2010}']) else { return false };
    let within =
        word.chars().next_back().is_some_and(char::is_lowercase) && next.starts_with(char::is_lowercase);
    if within {
        result.truncate(word.len());
    }
    within
}

/// Whether two lines meet in writing that has no spaces.
fn is_unspaced(before: &str, next: &str) -> bool {
    let unspaced = |character: Option<char>| {
        character.is_some_and(|character| matches!(character, '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}'))
    };
    unspaced(before.chars().next_back()) && unspaced(next.chars().next())
}

/// Whether a line starts an item of a list.
fn starts_item(text: &str) -> bool {
    let mark = text.split(' ').next().unwrap_or_default();
    let number = mark.strip_suffix(['.', ')']).unwrap_or_default();
    matches!(mark, "•" | "-" | "–" | "*" | "▪" | "◦" | "‣" | "·")
        || ((1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A line with its ligatures as letters and each run of spaces as one.
fn spelled_out(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'ﬀ' => result.push_str("ff"),
            'ﬁ' => result.push_str("fi"),
            'ﬂ' => result.push_str("fl"),
            'ﬃ' => result.push_str("ffi"),
            'ﬄ' => result.push_str("ffl"),
            'ﬅ' | 'ﬆ' => result.push_str("st"),
            ' ' | '\t' | '\n' | '\r' | '\u{A0}' => {
                if !result.ends_with(' ') {
                    result.push(' ');
                }
            }
            _ => result.push(character),
        }
    }
    result
}
