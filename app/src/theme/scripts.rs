//! Fonts for characters that the application's own fonts lack. In a browser, these are files in `fonts/` that a page fetches on
//! demand (`web/build` names their sources); all of them are about forty megabytes.

use std::sync::LazyLock;

/// First and last character of a block, and fonts that may cover it.
type Block = (u32, u32, Vec<&'static str>);

/// In ascending order. A line of `scripts.txt` is a block: its first and last character, and fonts in order of preference, small before
/// large.
static BLOCKS: LazyLock<Vec<Block>> = LazyLock::new(|| {
    let block = |line: &'static str| {
        let mut words = line.split(' ');
        let mut character = || u32::from_str_radix(words.next()?, 16).ok();
        Some((character()?, character()?, words.collect()))
    };
    include_str!("scripts.txt").lines().filter_map(block).collect()
});

/// Fonts that may cover a character, in order of preference; empty if there is none.
pub fn fonts_for(character: char) -> &'static [&'static str] {
    let code = u32::from(character);
    let place = BLOCKS.partition_point(|(_, last, _)| *last < code);
    BLOCKS.get(place).filter(|(first, ..)| *first <= code).map_or(&[], |(_, _, fonts)| fonts.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_in_order_and_found() {
        assert_eq!(BLOCKS.len(), include_str!("scripts.txt").lines().count());
        assert!(BLOCKS.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(BLOCKS.iter().all(|(first, last, fonts)| first <= last && !fonts.is_empty()));
        for (character, font) in
            [('ক', "bengali"), ('த', "tamil"), ('ა', "georgian"), ('한', "korean"), ('😀', "emoji")]
        {
            assert_eq!(fonts_for(character).first(), Some(&font), "{character}");
        }
        assert_eq!(fonts_for('漢'), ["chinese", "chinese-whole"]);
        assert!(fonts_for('a').is_empty() && fonts_for('\u{10FFFF}').is_empty());
    }
}
