//! A long text laid out in blocks of whole rows. A frame lays out and draws only visible blocks, and a growing text re-lays out
//! only its last block. Row breaks do not depend on the following text, so the blocks look like one text.

use super::*;
use egui::text::CCursor;

/// Font size and line height in points.
const SIZE: f32 = 16.0;
pub const LINE: f32 = 26.0;
/// Maximum line width in points: about 72 characters.
const MAX_LINE_WIDTH: f32 = 600.0;
/// Bytes per layout pass: a few screens of text, and more than any row.
const BLOCK: usize = 4_000;

#[derive(Debug, Default)]
pub struct Paper {
    of: Option<Of>,
    text: String,
    /// Length of the prompt in bytes.
    prompt: usize,
    /// Character range of each token, the prompt's first. Empty for tokens that end within a character.
    tokens: Vec<Range<usize>>,
    characters: usize,
    blocks: Vec<Block>,
}

/// Layout inputs other than the text.
#[derive(Clone, Debug, PartialEq)]
struct Of {
    request: u64,
    prompt_tokens: usize,
    width: f32,
    pixels: f32,
    /// Number of loaded fonts: a new one may change row widths.
    fonts: usize,
}

#[derive(Clone, Debug)]
struct Block {
    bytes: Range<usize>,
    /// Index of the first character, and the number of characters.
    first: usize,
    count: usize,
    /// Distance from the top and height, in points.
    top: f32,
    height: f32,
}

impl Paper {
    /// Takes in the text's current state.
    pub fn take(&mut self, ui: &Ui, request: u64, text: &Text, width: f32) {
        let fonts = ui.ctx().fonts(|fonts| fonts.definitions().font_data.len());
        let of = Of {
            request,
            prompt_tokens: text.prompt_tokens.len(),
            width: width.min(MAX_LINE_WIDTH),
            pixels: ui.ctx().pixels_per_point(),
            fonts,
        };
        let count = text.prompt_tokens.len() + text.tokens.len();
        if self.of.as_ref() != Some(&of) || self.tokens.len() > count {
            *self = Self { of: Some(of), ..Self::default() };
            // Until its tokens are known, show the prompt as typed; a reply's prompt is never shown.
            let prompt: String = if text.is_reply {
                String::new()
            } else if text.prompt_tokens.is_empty() {
                self.characters = text.prompt.chars().count();
                text.prompt.clone()
            } else {
                text.prompt_tokens.iter().map(|token| token.text.as_str()).collect()
            };
            self.prompt = prompt.len();
            if text.prompt_tokens.is_empty() {
                self.text = prompt;
            }
        } else if self.tokens.len() == count {
            return;
        }
        let hidden = if text.is_reply { text.prompt_tokens.len() } else { 0 };
        for (place, token) in all_tokens(text).enumerate().skip(self.tokens.len()) {
            let from = self.characters;
            if place >= hidden {
                self.characters += token.text.chars().count();
                self.text.push_str(&token.text);
            }
            self.tokens.push(from..self.characters);
        }
        self.lay_out(ui);
    }

    /// Lays out the new text, from the start of the last block on.
    fn lay_out(&mut self, ui: &Ui) {
        let last = self.blocks.pop();
        let (mut from, mut first, mut top) =
            last.map_or((0, 0, 0.0), |block| (block.bytes.start, block.first, block.top));
        while let Some(rest) = self.text.get(from..) {
            let end = from + rest.floor_char_boundary(BLOCK);
            let is_last = end == self.text.len();
            let galley = self.galley(ui, &(from..end), Color32::PLACEHOLDER, Color32::PLACEHOLDER);
            // The last row may continue in the following text, so it starts the next block.
            let rows = if is_last { galley.rows.len() } else { (galley.rows.len() - 1).max(1) };
            let count = galley.rows.iter().take(rows).map(|row| row.char_count_including_newline().0).sum();
            let height = galley.rows.get(rows).map_or(galley.size().y, |next| next.pos.y);
            let letters = self.text.get(from..end).unwrap_or_default();
            let bytes = letters.char_indices().nth(count).map_or(letters.len(), |(at, _)| at);
            self.blocks.push(Block { bytes: from..from + bytes, first, count, top, height });
            if is_last || bytes == 0 {
                break;
            }
            (from, first, top) = (from + bytes, first + count, top + height);
        }
    }

    fn galley(&self, ui: &Ui, bytes: &Range<usize>, prompt: Color32, written: Color32) -> Arc<Galley> {
        let format = |colour| TextFormat {
            line_height: Some(LINE),
            ..TextFormat::simple(FontId::proportional(SIZE), colour)
        };
        let mut job = LayoutJob::default();
        job.wrap.max_width = self.of.as_ref().map_or(MAX_LINE_WIDTH, |of| of.width);
        let edge = self.prompt.clamp(bytes.start, bytes.end);
        job.append(self.text.get(bytes.start..edge).unwrap_or_default(), 0.0, format(prompt));
        job.append(self.text.get(edge..bytes.end).unwrap_or_default(), 0.0, format(written));
        ui.painter().layout_job(job)
    }

    /// A block's galley. A final line break adds no empty row, since the next block starts there.
    fn drawn(&self, ui: &Ui, block: &Block, palette: &Palette) -> Arc<Galley> {
        let mut bytes = block.bytes.clone();
        let is_last = bytes.end == self.text.len();
        if !is_last && self.text.get(bytes.clone()).is_some_and(|text| text.ends_with('\n')) {
            bytes.end -= 1;
        }
        self.galley(ui, &bytes, palette.quiet, palette.text)
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Height in points.
    pub fn height(&self) -> f32 {
        self.blocks.last().map_or(0.0, |block| block.top + block.height)
    }

    pub fn count(&self) -> usize {
        self.tokens.len()
    }

    /// Whether a token adds visible characters.
    pub fn is_seen(&self, token: usize) -> bool {
        self.tokens.get(token).is_some_and(|token| !token.is_empty())
    }

    /// Draws the visible blocks, with the text's top left at `origin`.
    pub fn draw(&self, ui: &Ui, palette: &Palette, origin: Pos2) {
        for block in self.seen(ui, origin) {
            let galley = self.drawn(ui, block, palette);
            ui.painter().galley(origin + vec2(0.0, block.top), galley, palette.text);
        }
    }

    fn seen<'a>(&'a self, ui: &Ui, origin: Pos2) -> impl Iterator<Item = &'a Block> {
        let clip = ui.clip_rect();
        let (from, to) = (clip.top() - origin.y, clip.bottom() - origin.y);
        self.blocks.iter().filter(move |block| block.top + block.height >= from && block.top <= to)
    }

    /// The token at a position relative to the text's top left.
    pub fn token_at(&self, ui: &Ui, palette: &Palette, place: Vec2) -> Option<usize> {
        let block = self.blocks.iter().find(|block| place.y < block.top + block.height)?;
        let galley = self.drawn(ui, block, palette);
        let inside = place - vec2(0.0, block.top);
        let cursor = galley.cursor_from_pos(inside);
        let (letter, edge) = (cursor.index.0, galley.pos_from_cursor(cursor).left());
        // A cursor lies between characters; take the character under the pointer.
        let letter = if inside.x < edge { letter.saturating_sub(1) } else { letter };
        let letter = block.first + letter;
        let token = self.tokens.partition_point(|token| token.end <= letter);
        self.tokens.get(token).filter(|range| range.contains(&letter)).map(|_| token)
    }

    pub fn rects(&self, ui: &Ui, palette: &Palette, token: usize) -> Vec<Rect> {
        let Some(letters) = self.tokens.get(token).filter(|letters| !letters.is_empty()) else {
            return Vec::new();
        };
        let after = self.blocks.partition_point(|block| block.first + block.count <= letters.start);
        let touched = self.blocks.iter().skip(after).take_while(|block| block.first < letters.end);
        let mut rects = Vec::new();
        for block in touched {
            let from = letters.start.max(block.first) - block.first;
            let to = letters.end.min(block.first + block.count) - block.first;
            let galley = self.drawn(ui, block, palette);
            let down = vec2(0.0, block.top);
            rects.extend(places(&galley, &(from..to)).into_iter().map(|rect| rect.translate(down)));
        }
        rects
    }
}

/// The rectangles of a character range in a galley, one per line.
fn places(galley: &Galley, letters: &Range<usize>) -> Vec<Rect> {
    let start = CCursor { prefer_next_row: true, ..CCursor::new(letters.start) };
    let from = galley.pos_from_cursor(start);
    let to = galley.pos_from_cursor(CCursor::new(letters.end));
    if letters.is_empty() {
        return Vec::new();
    }
    if (from.top() - to.top()).abs() < 1.0 {
        return vec![Rect::from_min_max(from.left_top(), pos2(to.left(), to.bottom()))];
    }
    let row = galley.pos_from_cursor(galley.cursor_end_of_row(&start)).left();
    let end = pos2(row.max(from.left() + 4.0), from.bottom());
    let mut places = vec![Rect::from_min_max(from.left_top(), end)];
    if to.left() > 0.5 {
        places.push(Rect::from_min_max(pos2(0.0, to.top()), pos2(to.left(), to.bottom())));
    }
    places
}

#[cfg(test)]
mod tests;
