//! Fonts for characters that the application's own fonts lack. In a browser, these are files in `fonts/` that a page fetches on
//! demand (`web/build` names their sources); all of them are about forty megabytes.

/// First and last character of a block, and fonts that may cover it, in order of preference: small before large.
type Block = (u32, u32, &'static [&'static str]);

/// In ascending order.
#[rustfmt::skip]
const BLOCKS: &[Block] = &[
    (0x0530, 0x058F, &["armenian"]),
    (0x0590, 0x05FF, &["hebrew"]),
    (0x0600, 0x06FF, &["arabic"]),
    (0x0700, 0x074F, &["syriac"]),
    (0x0750, 0x077F, &["arabic"]),
    (0x0780, 0x07BF, &["thaana"]),
    (0x07C0, 0x07FF, &["nko"]),
    (0x0870, 0x08FF, &["arabic"]),
    (0x0900, 0x097F, &["devanagari"]),
    (0x0980, 0x09FF, &["bengali"]),
    (0x0A00, 0x0A7F, &["gurmukhi"]),
    (0x0A80, 0x0AFF, &["gujarati"]),
    (0x0B00, 0x0B7F, &["oriya"]),
    (0x0B80, 0x0BFF, &["tamil"]),
    (0x0C00, 0x0C7F, &["telugu"]),
    (0x0C80, 0x0CFF, &["kannada"]),
    (0x0D00, 0x0D7F, &["malayalam"]),
    (0x0D80, 0x0DFF, &["sinhala"]),
    (0x0E00, 0x0E7F, &["thai"]),
    (0x0E80, 0x0EFF, &["lao"]),
    (0x0F00, 0x0FFF, &["tibetan"]),
    (0x1000, 0x109F, &["myanmar"]),
    (0x10A0, 0x10FF, &["georgian"]),
    (0x1100, 0x11FF, &["korean", "korean-whole"]),
    (0x1200, 0x139F, &["ethiopic"]),
    (0x13A0, 0x13FF, &["cherokee"]),
    (0x1400, 0x167F, &["canadian"]),
    (0x1780, 0x17FF, &["khmer"]),
    (0x1800, 0x18AF, &["mongolian"]),
    (0x18B0, 0x18FF, &["canadian"]),
    (0x19E0, 0x19FF, &["khmer"]),
    (0x1B00, 0x1B7F, &["balinese"]),
    (0x1C50, 0x1C7F, &["ol-chiki"]),
    (0x1C90, 0x1CBF, &["georgian"]),
    (0x1CD0, 0x1CFF, &["devanagari"]),
    (0x2000, 0x23FF, &["math", "symbols", "symbols-more", "georgian"]),
    (0x2400, 0x245F, &["symbols-more"]),
    (0x2460, 0x24FF, &["symbols"]),
    (0x2500, 0x27BF, &["symbols", "symbols-more", "emoji"]),
    (0x27C0, 0x27FF, &["math"]),
    (0x2800, 0x28FF, &["symbols-more"]),
    (0x2900, 0x2AFF, &["math"]),
    (0x2B00, 0x2BFF, &["symbols-more", "math"]),
    (0x2C00, 0x2C5F, &["glagolitic"]),
    (0x2D00, 0x2D2F, &["georgian"]),
    (0x2D30, 0x2D7F, &["tifinagh"]),
    (0x2D80, 0x2DDF, &["ethiopic"]),
    (0x2E00, 0x2E7F, &["chinese-whole"]),
    (0x2E80, 0x2FFF, &["chinese-whole"]),
    (0x3000, 0x303F, &["chinese", "japanese", "chinese-whole"]),
    (0x3040, 0x30FF, &["japanese", "chinese-whole"]),
    (0x3100, 0x312F, &["chinese-whole"]),
    (0x3130, 0x318F, &["korean", "korean-whole"]),
    (0x3190, 0x31FF, &["chinese-whole"]),
    (0x3200, 0x33FF, &["japanese", "chinese-whole", "korean-whole"]),
    (0x3400, 0x4DBF, &["chinese-whole"]),
    (0x4DC0, 0x4DFF, &["symbols-more"]),
    (0x4E00, 0x9FFF, &["chinese", "chinese-whole"]),
    (0xA000, 0xA4CF, &["yi"]),
    (0xA4D0, 0xA4FF, &["lisu"]),
    (0xA500, 0xA63F, &["vai"]),
    (0xA800, 0xA82F, &["syloti-nagri"]),
    (0xA8E0, 0xA8FF, &["devanagari"]),
    (0xA960, 0xA97F, &["korean-whole"]),
    (0xA980, 0xA9DF, &["javanese"]),
    (0xA9E0, 0xA9FF, &["myanmar"]),
    (0xAA00, 0xAA5F, &["cham"]),
    (0xAA60, 0xAA7F, &["myanmar"]),
    (0xAA80, 0xAADF, &["tai-viet"]),
    (0xAB00, 0xAB2F, &["ethiopic"]),
    (0xAB70, 0xABBF, &["cherokee"]),
    (0xABC0, 0xABFF, &["meetei-mayek"]),
    (0xAC00, 0xD7AF, &["korean"]),
    (0xD7B0, 0xD7FF, &["korean-whole"]),
    (0xF900, 0xFAFF, &["chinese", "chinese-whole"]),
    (0xFB13, 0xFB17, &["armenian"]),
    (0xFB1D, 0xFB4F, &["hebrew"]),
    (0xFB50, 0xFDFF, &["arabic"]),
    (0xFE10, 0xFE1F, &["chinese-whole"]),
    (0xFE30, 0xFE6F, &["chinese-whole"]),
    (0xFE70, 0xFEFE, &["arabic"]),
    (0xFF00, 0xFFEF, &["chinese", "japanese", "chinese-whole", "korean-whole"]),
    (0xFFF0, 0xFFFF, &["symbols-more"]),
    (0x102E0, 0x102FF, &["symbols-more"]),
    (0x104B0, 0x104FF, &["osage"]),
    (0x10D00, 0x10D3F, &["hanifi-rohingya"]),
    (0x11100, 0x1114F, &["chakma"]),
    (0x111E0, 0x111FF, &["sinhala"]),
    (0x11660, 0x1167F, &["mongolian"]),
    (0x11AB0, 0x11ABF, &["canadian"]),
    (0x1D400, 0x1D7FF, &["math"]),
    (0x1E7E0, 0x1E7FF, &["ethiopic"]),
    (0x1E900, 0x1E95F, &["adlam"]),
    (0x1EE00, 0x1EEFF, &["math"]),
    (0x1F000, 0x1F0FF, &["symbols-more"]),
    (0x1F100, 0x1F1FF, &["symbols", "symbols-more"]),
    (0x1F200, 0x1F2FF, &["chinese-whole", "emoji"]),
    (0x1F300, 0x1F64F, &["emoji", "symbols-more", "symbols"]),
    (0x1F650, 0x1F67F, &["symbols-more"]),
    (0x1F680, 0x1F6FF, &["emoji", "symbols-more"]),
    (0x1F700, 0x1F77F, &["symbols"]),
    (0x1F780, 0x1F7FF, &["symbols-more", "emoji"]),
    (0x1F800, 0x1F8FF, &["symbols-more"]),
    (0x1F900, 0x1F9FF, &["emoji", "symbols-more"]),
    (0x1FA00, 0x1FA6F, &["symbols-more"]),
    (0x1FA70, 0x1FAFF, &["emoji", "symbols-more"]),
    (0x1FB00, 0x1FBFF, &["symbols-more"]),
    (0x20000, 0x2FA1F, &["chinese-whole"]),
];

/// Fonts that may cover a character, in order of preference; empty if there is none.
pub fn fonts_for(character: char) -> &'static [&'static str] {
    let code = u32::from(character);
    let place = BLOCKS.partition_point(|(_, last, _)| *last < code);
    BLOCKS.get(place).filter(|(first, ..)| *first <= code).map_or(&[], |(_, _, fonts)| fonts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn blocks_are_in_order_and_found() {
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

    #[test]
    fn every_font_is_fetched_by_the_build_and_every_fetched_one_is_used() {
        // The checkout under test: several may share a build folder.
        let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        let build = std::fs::read_to_string(format!("{package}/../web/build")).unwrap();
        let (_, list) = build.split_once("FONTS=\"").unwrap();
        let (list, _) = list.split_once('"').unwrap();
        let fetched: BTreeSet<&str> = list.lines().filter_map(|line| line.split(' ').next()).collect();
        let used: BTreeSet<&str> = BLOCKS.iter().flat_map(|(_, _, fonts)| fonts.iter().copied()).collect();
        assert_eq!(fetched, used);
    }
}
