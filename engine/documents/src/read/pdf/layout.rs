//! Arranges positioned letters into lines in reading order.
//!
//! Consecutive letters form fragments. Fragments of the same direction are processed upright, regardless of the page's rotation.
//! Vertical white space between fragments separates columns; adjacent fragments form lines.

use crate::extract::script::{Script, is_script, with_references};
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// Gap that counts as a space, as a fraction of the letter size.
const SPACE: f64 = 0.16;

/// Gap that separates two fragments.
const PART: f64 = 1.0;

/// Size of exponents and indices, at most, as a fraction of the letter size.
const SMALL: f64 = 0.85;

/// Consecutive letters on one line.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    text: String,
    /// Rotation in degrees from left-to-right, and whether it is mirrored. The coordinates are those after rotating back.
    turn: (i16, bool),
    left: f64,
    right: f64,
    baseline: f64,
    size: f64,
    letters: usize,
}

#[derive(Default)]
pub(super) struct Fragments {
    pub all: Vec<Fragment>,
}

#[derive(Debug)]
pub(super) struct Line {
    pub text: String,
    /// Separation from the previous line.
    pub starts: Starts,
    /// Distance from the bottom of the page.
    pub baseline: f64,
    pub size: f64,
    /// Whether the next word would not have fitted, judging by the surrounding lines.
    pub is_full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starts {
    /// Nothing: it continues the previous one.
    Nothing,
    /// A separate line, as in a list.
    Line,
    Paragraph,
    /// A column or another part of the page; a sentence may continue into it.
    Block,
}

impl Fragments {
    /// Adds the text of one code, drawn at a position, with a direction and a length.
    pub(super) fn push(
        &mut self,
        said: &str,
        [x, y]: [f64; 2],
        along: [f64; 2],
        length: f64,
        size: f64,
        is_mirrored: bool,
    ) {
        if !(size.is_finite() && size > 0.0 && (x + y + length).is_finite()) {
            return;
        }
        let degrees = along[1].atan2(along[0]).to_degrees();
        let quarter = (degrees / 90.0).round() * 90.0;
        let degrees = if (degrees - quarter).abs() < 1.5 { quarter } else { degrees };
        let (sin, cos) = match (degrees as i16).rem_euclid(360) {
            0 => (0.0, 1.0),
            90 => (1.0, 0.0),
            180 => (0.0, -1.0),
            270 => (-1.0, 0.0),
            _ => degrees.to_radians().sin_cos(),
        };
        let left = x * cos + y * sin;
        let above = y * cos - x * sin;
        let baseline = if is_mirrored { -above } else { above };
        let turn = ((degrees.round() as i16).rem_euclid(360), is_mirrored);
        let right = left + length;
        let letters = said.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control()).count();
        let before = self.all.last_mut().filter(|before| {
            let (gap, larger) = (left - before.right, before.size.max(size));
            let height = if before.script(said, baseline, size).is_some() { 0.7 } else { 0.5 };
            before.turn == turn
                && (baseline - before.baseline).abs() < height * larger
                && (-0.35 * larger..PART * larger).contains(&gap)
                || letters == 1 && before.accents(said, left)
        });
        // A later code of a span with replacement text, or a code without characters.
        if said.is_empty() {
            if let Some(before) = before {
                before.right = before.right.max(right);
            }
            return;
        }
        // Several letters of one code are in reading order; right-to-left lines are reversed as a whole later.
        let turned = (letters > 1 && said.chars().all(is_right_to_left))
            .then(|| said.chars().rev().collect::<String>());
        let original = said;
        let said = turned.as_deref().unwrap_or(said).chars().map(plain).filter(|letter| !letter.is_control());
        match before {
            Some(before) => {
                let is_accented = letters == 1 && before.accents_at(left);
                if letters == 0 {
                    before.right = before.right.max(right);
                    if !before.text.ends_with(' ') {
                        before.text.push(' ');
                    }
                    return;
                }
                let script = if is_accented { None } else { before.script(original, baseline, size) };
                if is_accented {
                    before.accent(said);
                } else {
                    // The gap before an exponent is smaller than a space of its line.
                    let line = if script.is_some() { before.size } else { size };
                    if left - before.right > SPACE * line && !before.text.ends_with(' ') {
                        before.text.push(' ');
                    }
                    match script.and_then(|script| script.signs("", original)) {
                        Some(signs) => {
                            before.text.push_str(&signs);
                            before.letters += letters;
                            before.right = before.right.max(right);
                            return;
                        }
                        None => before.set_script(baseline, size),
                    }
                    before.text.extend(said);
                }
                // The larger letters are on the baseline; others are raised or lowered.
                if size > before.size * 1.2 {
                    before.baseline = baseline;
                }
                let count = before.letters + letters;
                before.size = (before.size * before.letters as f64 + size * letters as f64) / count as f64;
                before.letters = count;
                before.right = before.right.max(right);
            }
            None if letters > 0 => {
                self.all.push(Fragment { text: said.collect(), turn, left, right, baseline, size, letters });
            }
            None => {}
        }
    }
}

fn plain(letter: char) -> char {
    match letter {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\t' | '\n' | '\r' => ' ',
        // Bullets of Symbol and Wingdings.
        '\u{f0b7}' | '\u{f0a7}' | '\u{f076}' => '•',
        letter => letter,
    }
}

/// The combining mark of a spacing accent.
fn mark(accent: char) -> Option<char> {
    Some(match accent {
        '`' => '\u{300}',
        '´' => '\u{301}',
        'ˆ' | '^' => '\u{302}',
        '˜' | '~' => '\u{303}',
        '¯' => '\u{304}',
        '˘' => '\u{306}',
        '˙' => '\u{307}',
        '¨' => '\u{308}',
        '˚' => '\u{30a}',
        '˝' => '\u{30b}',
        'ˇ' => '\u{30c}',
        '¸' => '\u{327}',
        _ => return None,
    })
}

impl Fragment {
    /// Whether digits of this baseline and size are raised or lowered after or in this fragment.
    fn script(&self, said: &str, baseline: f64, size: f64) -> Option<Script> {
        let rise = (baseline - self.baseline) / self.size;
        let least = match size < SMALL * self.size {
            true if rise < 0.0 => 0.08,
            true => 0.18,
            false => 0.25,
        };
        let is_number = said.contains(|letter: char| letter.is_ascii_digit() || "+-−".contains(letter));
        let most = if rise > 0.0 { 0.7 } else { 0.4 };
        (is_number && size < 1.05 * self.size && (least..most).contains(&rise.abs()))
            .then_some(if rise > 0.0 { Script::Raised } else { Script::Lowered })
    }

    /// Raises or lowers this fragment, if it is a number and larger letters follow on another baseline, as in `¹⁴C`.
    fn set_script(&mut self, baseline: f64, size: f64) {
        let rise = (self.baseline - baseline) / size;
        if self.size < SMALL * size && (0.15..0.7).contains(&rise.abs()) {
            let script = if rise > 0.0 { Script::Raised } else { Script::Lowered };
            self.text = script.signs("", &self.text).unwrap_or(std::mem::take(&mut self.text));
        }
    }

    /// Whether a letter at this position is under the accent at the fragment's end, as in TeX's output.
    fn accents_at(&self, left: f64) -> bool {
        left - self.right < -0.15 * self.size
            && left > self.right - self.size
            && self.text.chars().next_back().is_some_and(|last| mark(last).is_some())
    }

    fn accents(&self, said: &str, left: f64) -> bool {
        said.chars().all(char::is_alphabetic) && self.accents_at(left)
    }

    fn accent(&mut self, said: impl Iterator<Item = char>) {
        let accent = self.text.pop().and_then(mark);
        let dotted = said.map(|letter| match letter {
            'ı' => 'i',
            'ȷ' => 'j',
            letter => letter,
        });
        let letter: String = dotted.chain(accent).nfc().collect();
        self.text.push_str(&letter);
    }
}

/// The lines of a page in reading order.
pub(super) fn lines(fragments: Vec<Fragment>) -> Vec<Line> {
    let mut turns: Vec<((i16, bool), usize, Vec<Fragment>)> = Vec::new();
    for fragment in fragments {
        // More than twelve directions are a drawing.
        let is_drawing = turns.len() == 12;
        match turns.iter_mut().find(|(turn, ..)| *turn == fragment.turn) {
            Some((_, letters, group)) => {
                *letters += fragment.letters;
                group.push(fragment);
            }
            None if is_drawing => {}
            None => turns.push((fragment.turn, fragment.letters, vec![fragment])),
        }
    }
    // Text along the side comes first, so that the page's last sentence can continue on the next page.
    turns.sort_by_key(|(_, letters, _)| *letters);
    let mut blocks = Vec::new();
    for (_, _, group) in turns {
        arrange(group, 6, &mut blocks);
    }
    blocks.into_iter().flat_map(paragraphs).collect()
}

/// Splits fragments into columns and spanning parts, in reading order.
fn arrange(mut fragments: Vec<Fragment>, depth: usize, blocks: &mut Vec<Vec<Fragment>>) {
    fragments.sort_by(|one, other| other.baseline.total_cmp(&one.baseline));
    let gutter = if depth == 0 { None } else { gutter(&fragments) };
    let Some(gutter) = gutter else {
        if !fragments.is_empty() {
            blocks.push(fragments);
        }
        return;
    };
    let (mut left, mut right, mut across): (Vec<_>, Vec<_>, Vec<Fragment>) = Default::default();
    for fragment in fragments {
        let side = if fragment.right <= gutter {
            &mut left
        } else if fragment.left >= gutter {
            &mut right
        } else {
            // The columns above are read first.
            if !(left.is_empty() && right.is_empty()) {
                blocks.extend((!across.is_empty()).then(|| std::mem::take(&mut across)));
                arrange(std::mem::take(&mut left), depth - 1, blocks);
                arrange(std::mem::take(&mut right), depth - 1, blocks);
            }
            across.push(fragment);
            continue;
        };
        side.push(fragment);
    }
    blocks.extend((!across.is_empty()).then_some(across));
    arrange(left, depth - 1, blocks);
    arrange(right, depth - 1, blocks);
}

/// The position of the gap between two columns of text; `None` if there is one column, or if the columns are a table's.
fn gutter(fragments: &[Fragment]) -> Option<f64> {
    const BINS: usize = 256;
    const LEAST: usize = 4;
    let low = fragments.iter().map(|fragment| fragment.left).fold(f64::INFINITY, f64::min);
    let high = fragments.iter().map(|fragment| fragment.right).fold(f64::NEG_INFINITY, f64::max);
    if fragments.len() < 2 * LEAST || high <= low {
        return None;
    }
    let bin = |x: f64| (((x - low) / (high - low) * BINS as f64) as usize).min(BINS - 1);
    // Number of fragments that start and end in each bin.
    let (mut begin, mut end) = ([0_usize; BINS], [0_usize; BINS]);
    for fragment in fragments {
        if let (Some(begin), Some(end)) =
            (begin.get_mut(bin(fragment.left)), end.get_mut(bin(fragment.right)))
        {
            *begin += 1;
            *end += 1;
        }
    }
    let (mut begun, mut ended) = (0, 0);
    let mut best: Option<(usize, usize, usize)> = None;
    for (place, (begin, end)) in begin.iter().zip(end).enumerate() {
        begun += begin;
        let (before, after) = (ended, fragments.len() - begun);
        let across = begun - ended;
        ended += end;
        if before.min(after) < LEAST || across > before + after {
            continue;
        }
        match &mut best {
            Some((least, _, last)) if across == *least && place == *last + 1 => *last = place,
            Some((least, first, last)) if across == *least && *last - *first > 2 => {}
            Some((least, ..)) if across > *least => {}
            _ => best = Some((across, place, place)),
        }
    }
    let (_, first, last) = best?;
    let width = (high - low) / BINS as f64;
    let middle = low + width * (first + last + 1) as f64 / 2.0;
    let left: Vec<&Fragment> = fragments.iter().filter(|fragment| fragment.right <= middle).collect();
    let right: Vec<&Fragment> = fragments.iter().filter(|fragment| fragment.left >= middle).collect();
    if left.len().min(right.len()) < LEAST {
        return None;
    }
    let size = median(fragments.iter().map(|fragment| fragment.size));
    let is_wide = |side: &[&Fragment]| median(side.iter().map(|each| each.right - each.left)) > 8.0 * size;
    // Fragments are sorted from the top.
    let top = left.first()?.baseline.min(right.first()?.baseline);
    let bottom = left.last()?.baseline.max(right.last()?.baseline);
    (is_wide(&left) && is_wide(&right) && top - bottom > 2.5 * size).then_some(middle)
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// A quantile of values; 0 if there are none.
fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get((values.len() as f64 * share) as usize).copied().unwrap_or(0.0)
}

struct Row {
    text: String,
    left: f64,
    right: f64,
    baseline: f64,
    size: f64,
    /// Number of pieces separated by wide gaps, as in a table.
    cells: usize,
    first_word: f64,
}

/// The lines of a column, with what starts at each.
fn paragraphs(fragments: Vec<Fragment>) -> Vec<Line> {
    let rows = rows(fragments);
    let left = rows.iter().map(|row| row.left).fold(f64::INFINITY, f64::min);
    // A line that overruns the edge does not define it.
    let mut ends: Vec<f64> = rows.iter().map(|row| row.right).collect();
    ends.sort_by(f64::total_cmp);
    let right = ends.get(ends.len().saturating_sub(1 + ends.len() / 12)).copied().unwrap_or(left);
    let steps: Vec<f64> =
        rows.windows(2).filter_map(|pair| Some(pair.first()?.baseline - pair.last()?.baseline)).collect();
    // The line spacing inside paragraphs is among the smaller steps, even if most paragraphs have only two lines.
    let usual = quantile(steps.iter().copied(), 0.3);
    let mut lines: Vec<Line> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let after = rows.get(index + 1);
        let is_full = match after {
            Some(after) => row.right + 0.4 * row.size + after.first_word > right,
            None => row.right > left + (right - left) * 0.75,
        };
        let before = index.checked_sub(1).and_then(|before| Some((rows.get(before)?, lines.get(before)?)));
        let starts = before.map_or(Starts::Block, |(before, line)| {
            let step = before.baseline - row.baseline;
            let usual = if rows.len() > 3 { usual } else { usual.min(row.size * 1.6) };
            let ratio = before.size / row.size;
            let is_end = super::prose::ends_sentence(&before.text);
            // An indented first line, not the second line of an item with a hanging indent.
            let is_set_in = row.left > before.left + 0.7 * row.size
                && row.left < left + 6.0 * row.size
                && (is_end || !line.is_full);
            if step > usual * 1.25 || !(0.87..1.15).contains(&ratio) {
                Starts::Paragraph
            } else if before.cells > 1 && row.cells > 1 {
                Starts::Line
            } else if line.is_full && !is_set_in {
                Starts::Nothing
            } else if is_end || is_set_in {
                Starts::Paragraph
            } else if before.right < left + (right - left) * 0.6 && !row.text.starts_with(char::is_lowercase)
            {
                Starts::Line
            } else {
                Starts::Nothing
            }
        });
        lines.push(Line { text: row.text.clone(), starts, baseline: row.baseline, size: row.size, is_full });
    }
    lines
}

/// Fragments before and after a raised number among which its line is searched.
const NEAR: usize = 8;

/// Moves numbers that were drawn apart from their line to its baseline.
fn set_scripts(fragments: &mut [Fragment]) {
    for index in 0..fragments.len() {
        let (start, end) = (index.saturating_sub(NEAR), (index + NEAR).min(fragments.len()));
        let Some(small) = fragments.get(index) else { continue };
        let near = fragments.get(start..end).unwrap_or_default().iter().filter(|line| {
            let is_there = small.left > line.left - line.size && small.left < line.right + SPACE * line.size;
            is_there && small.size < SMALL * line.size
        });
        let distance = |line: &&Fragment| (line.baseline - small.baseline).abs();
        let line = near
            .filter_map(|line| Some((line, line.script(&small.text, small.baseline, small.size)?)))
            .min_by(|(one, _), (other, _)| distance(one).total_cmp(&distance(other)))
            .map(|(line, script)| (line.baseline, script));
        if let Some((baseline, script)) = line
            && let Some(signs) = script.signs("", &small.text)
            && let Some(small) = fragments.get_mut(index)
        {
            (small.baseline, small.text) = (baseline, signs);
        }
    }
    fragments.sort_by(|one, other| other.baseline.total_cmp(&one.baseline));
}

fn rows(mut fragments: Vec<Fragment>) -> Vec<Row> {
    set_scripts(&mut fragments);
    let mut rows: Vec<Vec<Fragment>> = Vec::new();
    for fragment in fragments {
        match rows.last_mut() {
            Some(row)
                if row.iter().rev().take(8).any(|of| {
                    (of.baseline - fragment.baseline).abs() < 0.35 * of.size.max(fragment.size)
                }) =>
            {
                row.push(fragment);
            }
            _ => rows.push(vec![fragment]),
        }
    }
    rows.into_iter().filter_map(row).collect()
}

fn row(mut fragments: Vec<Fragment>) -> Option<Row> {
    fragments.sort_by(|one, other| one.left.total_cmp(&other.left));
    // Bold letters are sometimes drawn twice.
    fragments.dedup_by(|one, other| one.text == other.text && (one.left - other.left).abs() < 0.3 * one.size);
    let main = fragments.iter().max_by_key(|fragment| fragment.letters)?;
    let (baseline, size) = (main.baseline, main.size);
    let left = fragments.first()?.left;
    let right = fragments.iter().map(|fragment| fragment.right).fold(left, f64::max);
    let (mut text, mut end, mut cells) = (String::new(), left, 1);
    for fragment in &fragments {
        cells += usize::from(fragment.left - end > PART * fragment.size);
        let line = if is_script(&fragment.text) { size } else { fragment.size };
        if fragment.left - end > SPACE * line && !text.ends_with(' ') {
            text.push(' ');
        }
        text.push_str(&fragment.text);
        end = end.max(fragment.right);
    }
    let text = match is_from_right(&text) {
        true => logical(&text),
        false => with_references(text.trim()),
    };
    let letters = text.chars().count().max(1);
    let first = text.split(' ').next().unwrap_or_default().chars().count();
    let first_word = (right - left) * first as f64 / letters as f64;
    (!text.is_empty()).then_some(Row { text, left, right, baseline, size, cells, first_word })
}

fn is_right_to_left(letter: char) -> bool {
    !letter.is_numeric()
        && matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

/// Whether most letters are of a right-to-left script.
fn is_from_right(text: &str) -> bool {
    let count = text.chars().filter(|letter| is_right_to_left(*letter)).count();
    count > 0 && count * 2 > text.chars().filter(|letter| letter.is_alphabetic()).count()
}

/// Converts a right-to-left line from visual to reading order.
fn logical(text: &str) -> String {
    let mut result = String::new();
    let mut held: Vec<&str> = Vec::new();
    let is_left =
        |piece: &str| piece.chars().all(|letter| letter.is_alphanumeric() && !is_right_to_left(letter));
    for piece in text.trim().graphemes(true).rev() {
        // Numbers and words of other scripts run from left to right inside it.
        if is_left(piece)
            || !held.is_empty() && piece.chars().all(|letter| matches!(letter, '.' | ',' | ':' | '/' | '-'))
        {
            held.push(piece);
        } else {
            result.extend(held.drain(..).rev());
            result.push_str(piece);
        }
    }
    result.extend(held.drain(..).rev());
    result
}
