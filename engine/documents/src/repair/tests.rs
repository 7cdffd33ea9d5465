use proptest::prelude::*;

use super::*;

fn repaired(text: &str) -> String {
    repair(text, false).0.into_owned()
}

/// Creates mojibake: decodes a text's UTF-8 as Windows-1252, with Latin-1 for undefined bytes.
fn misread(text: &str) -> String {
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned()
}

fn misread_as_latin(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

#[test]
fn text_in_order_is_borrowed() {
    for text in
        ["", "One line.", "Two\n\nparagraphs of text.", "Ein Gruß aus Köln.", "Привет, мир.", "日本語"]
    {
        let (result, counts) = repair(text, false);
        assert!(matches!(result, Cow::Borrowed(_)), "{text}");
        assert_eq!(result, text);
        assert_eq!(counts, Counts::default());
    }
}

#[test]
fn mojibake_of_many_languages_is_read_again() {
    let texts = [
        "The café’s menu — “crème brûlée” — costs €9.50…",
        "Größe, Straße, Übermut und „Anführung“.",
        "Zażółć gęślą jaźń, a pan łyknął łódź.",
        "Țepeș și prețul",
        "Příliš žluťoučký kůň úpěl ďábelské ódy.",
        "Съешь же ещё этих мягких французских булок.",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
        "我能吞下玻璃而不伤身体。",
        "いろはにほへと ちりぬるを",
        "A smile 😀 and a rocket 🚀.",
        "5 µm, ½ cup, 20 °C ± 2 °C, © 2024",
    ];
    for text in texts {
        let expected = repaired(text);
        assert_eq!(repaired(&misread(text)), expected);
        assert_eq!(repaired(&misread_as_latin(text)), expected);
        assert_eq!(repaired(&misread(&misread(text))), expected);
        assert!(repair(&misread(text), false).1.mojibake > 0);
    }
}

#[test]
fn what_somebody_may_have_written_stays() {
    let texts = [
        "Er sagte: „Das macht Spaß“, und ging.",
        "Au CAFÉ” — non, au « CAFÉ».",
        "“café”—which is French",
        "NESCAFÉ® and CAFÉ™ are marks",
        "an area of 5 Å², a volume of 7 Å³",
        "IRMÃ e MAÇÃ” em maiúsculas; SÃO PAULO",
        "À côté, À… là-bas",
        "¿Qué? ¡Olé! «Sí»",
    ];
    for text in texts {
        assert_eq!(repair(text, false).1.mojibake, 0, "{text}");
    }
}

#[test]
fn ambiguous_sequences_follow_the_evidence() {
    assert_eq!(repaired("SpaÃŸ mit Ã¼blen Ã–l"), "Spaß mit üblen Öl");
    assert_eq!(repaired("Ã–l"), "Ã–l");
}

#[test]
fn controls_and_invisible_characters_go() {
    let (text, counts) = repair("\u{FEFF}a\0b\u{200B}c\u{AD}d\u{202E}e\u{7F}f\u{81}g\u{FFFE}", false);
    assert_eq!(text, "abcdefg");
    assert_eq!((counts.controls, counts.invisible), (4, 4));
}

#[test]
fn controls_that_are_bytes_of_windows_are_read() {
    let text =
        "He said \u{93}the tower stood\u{85}\u{94} and nobody\u{92}s boat was lost \u{97} it cost 5\u{80}.";
    let (read, counts) = repair(text, false);
    assert_eq!(read, "He said “the tower stood…” and nobody’s boat was lost — it cost 5€.");
    assert_eq!((counts.mojibake, counts.controls), (6, 0));
    // A line end of old mainframes, and undefined bytes.
    assert_eq!(repaired("one\u{85}two\u{81}"), "one\ntwo");
    assert_eq!(repair("a\u{92}", true).0, "a");
}

#[test]
fn mojibake_of_single_characters_and_other_code_pages_is_read_again() {
    // As repaired by ftfy 6.3.
    for text in ["x 字 y", "中", "a 我 b", "中国", "日本", "文字", "한국", "ひ"] {
        assert_eq!(repaired(&misread_as_latin(text)), text, "{text}");
    }
    for text in ["x 文字 y", "中国", "日本", "我", "中"] {
        assert_eq!(repaired(&misread(text)), text, "{text}");
    }
    let other = |encoding: &'static encoding_rs::Encoding, text: &str| {
        encoding.decode_without_bom_handling(text.as_bytes()).0.into_owned()
    };
    for text in [
        "Жизнь прекрасна — и «это» да",
        "Привет, мир и я",
        "«Лада» — №5 стоит €10™",
        "“Yes,” he said",
        "L’été à la mer, 5 €",
        "Er ging über die „Brücke“",
        "Tiếng Việt có nhiều dấu thanh khác nhau.",
        "我能吞下玻璃而不伤身体。",
        "いろはにほへと、ちりぬるを。",
        "나는 유리를 먹을 수 있습니다.",
    ] {
        assert_eq!(repaired(&other(encoding_rs::WINDOWS_1251, text)), text);
    }
    for text in [
        "Zażółć gęślą jaźń",
        "Má kůň žlutý ocas a Žofie říká ne",
        "Cały łódzki tłum poszedł",
        "„Zażółć gęślą jaźń” – rzekł…",
        "Az „árvíztűrő” tükörfúrógép",
        "ZAŻÓŁĆ GĘŚLĄ JAŹŃ, A PAN ŁYKNĄŁ ŁÓDŹ",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
        "Съешь же ещё этих мягких французских булок, да выпей чаю.",
        "Ana are mere și pere",
        "Ștefan și Țepeș au spus: „preț”, «așa» — 5 €, № 7™",
        "He said “yes” — It’s £5",
        "It is 10 °C, “he said”",
    ] {
        assert_eq!(repaired(&other(encoding_rs::WINDOWS_1250, text)), text);
    }
    for good in [
        "Ã is a letter of Portuguese; Â too.",
        "The vowels are “Ä”, “Ö” and “Ü” in German, “Å” in Danish.",
        "A letra Ã é usada. IRMÃ – “LÃ”, “À” “É” “Ç”; O grito “NÃO É LÃ” foi ouvido.",
        "VÀ À, CÂ®",
    ] {
        let page = format!("{good}\n\nThe boat wasnâ€™t lost â€” it drifted past the cafÃ©.");
        assert_eq!(repaired(&page), format!("{good}\n\nThe boat wasn’t lost — it drifted past the café."));
    }
    let page = "Гірник і Гёте: Вісім років у шахті.\nКоментар (2024):";
    let misread = other(encoding_rs::WINDOWS_1251, "Съешь же ещё этих мягких булок");
    assert_eq!(
        repaired(&format!("{page}\n{misread}\n{page}")),
        format!("{page}\nСъешь же ещё этих мягких булок\n{page}")
    );
    for text in [
        "Le café—€5, café…© et « Josué»¿Qué?",
        "Р. С. Иванов, США и СССР: «Россия»… В 5° — С’est",
        "Српски: Јелена, Ђорђе и Љубица; СЈЕВЕР, РЈЕЧНИК. Українська: Київ, Європа, діє її",
        "MĂGURĂ… și Ăla, SATUL „Ă”; Ľubomír, Ĺ; ÎN „Î”, Îţi, ÎŞI",
        "Съешь же ещё этих мягких французских булок, да выпей чаю.",
        "Đường Điện Biên Phủ, ĐÀ NẴNG, ĐƯỜNG…",
        "GDAŃSK, KOŃ” i SŁOŃ…; „Ń” Ńş, PAŃSTWO",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία: Ώ, ΐ.",
        "TVRĐAVA „Đ”, ĐURĐEVAC, ĐŠ; ĎÁBEL, Ď… a JELEŇ",
        "Гірник і Гёте: Вісім років у шахті, Сім днів, і ще Гість. Коментар: itвЂ™s fine",
        "„Где…» Же…» е…» и «Ж…», об'єї б»є; Пё „де„…», Кн…“»",
        "В 1900 году Гёте и Рёрих. Цена 5 €, в‚¬ стоит здесь",
        "Powiedziała „tak”; Ďábel, Ĺ; itâ€ť",
    ] {
        assert_eq!(repair(text, false).1.mojibake, 0, "{text}");
    }
}

#[test]
fn joiners_stay_where_they_join() {
    assert_eq!(repaired("می\u{200C}خواهم"), "می\u{200C}خواهم");
    assert_eq!(repaired("👩\u{200D}🔬"), "👩\u{200D}🔬");
    assert_eq!(repaired("wa\u{200D}ter \u{200C}mark"), "water mark");
}

#[test]
fn lines_and_spaces() {
    let (text, counts) = repair("\r\n\n  a  b\u{A0}\u{3000}c \t\r\n\r\n\r\nd\rd\u{2028}\te\t\tf\n\n ", false);
    assert_eq!(text, "  a b c\n\nd\nd\n\te\t\tf");
    assert_eq!(counts.line_endings, 6);
}

#[test]
fn code_keeps_its_spaces() {
    let code = "let a  = 1;   // Ã© Ã©\r\n\r\n\r\n\tlet b = \"\u{202E}\";\n";
    let (text, _) = repair(code, true);
    assert_eq!(text, "let a  = 1;   // Ã© Ã©\n\n\n\tlet b = \"\";\n");
}

#[test]
fn code_within_text_keeps_its_spaces() {
    let text = "Some  prose.\n\n```rust\nlet a  = 1;   // one\n\n\nlet bc = 2;\n```\n\nMore  prose:\n\n    x   = 1\n\ty  = 2\n";
    let expected = "Some prose.\n\n```rust\nlet a  = 1;   // one\n\n\nlet bc = 2;\n```\n\nMore prose:\n\n    x   = 1\n\ty  = 2";
    assert_eq!(repaired(text), expected);
    assert_eq!(repaired("~~~~\na  b\n~~~\nc  d\n~~~~\ne  f"), "~~~~\na  b\n~~~\nc  d\n~~~~\ne f");
}

#[test]
fn misread_letters_within_words_are_read_again_wherever_they_stand_alone() {
    // As repaired individually by ftfy 6.3.
    for word in [
        "Citroën",
        "İstanbul",
        "Rīga",
        "voilà",
        "Voilà le chat",
        "à la carte",
        "déjà vu",
        "là-bas",
        "është",
        "Noël",
        "Zoë",
        "œuvre",
        "cœur",
        "RĪGA",
        "ÇİFT",
        "Ķīna",
        "Māori",
        "Tōkyō",
        "naïve",
        "Łódź",
        "Türkiye'nin İzmir",
        "și",
        "țară",
        "creștere",
    ] {
        assert_eq!(repaired(&misread(word)), word);
    }
    for (misread, word) in
        [("voilÃ  le chat", "voilà le chat"), ("voilÃ le chat", "voilà le chat"), ("dÃ©jÃ  vu", "déjà vu")]
    {
        assert_eq!(repaired(misread), word);
    }
    for text in
        ["IRMÃ E MAÇÃ SÃO", "«Ã»", "Ã é a primeira", "CAFÉ«mot»", "CAFÉ “x”", "5 Å² and 7 Åª", "Ä–Ö", "À «A»"]
    {
        assert_eq!(repair(text, false).1.mojibake, 0, "{text}");
    }
}

#[test]
fn flags_and_word_borders_stay() {
    let scotland = "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}";
    for text in [scotland, "🇳🇴 and 🇰🇭", "ភាសា\u{200B}ខ្មែរ", "ภาษา\u{200B}ไทย", "❤\u{FE0F}"]
    {
        assert_eq!(repaired(text), text);
    }
    assert_eq!(repaired("\u{200B}ភាសា \u{200B}ខ្មែរ\u{200B}\u{200B}ក\u{200B}x"), "ភាសា ខ្មែរ\u{200B}កx");
    // Tags outside of a flag are removed.
    assert_eq!(repaired("🏴\u{E0068}\u{E0069}x"), "🏴x");
    assert_eq!(repaired("x\u{E0067}\u{E0062}\u{E0073}\u{E007F}"), "x");
}

#[test]
fn text_made_to_need_endless_rounds_is_left_alone() {
    // Each decoding reveals the last half of the next sequence, as deep as the text is long.
    let deep = |levels: usize| format!("{}â‚¬{}", "ââ".repeat(levels), "š¬".repeat(levels));
    assert_eq!(repaired(&deep(2)), "€");
    for text in [deep(200_000), format!("{}©", "Â".repeat(500_000))] {
        assert_eq!(repaired(&text), text);
    }
    // Here each round's white space and invisible characters prevent the next decoding.
    let mut text = "‹".to_owned();
    for _ in 0..50 {
        text = format!("â€Ââ€{text}¹");
    }
    let once = repaired(&text);
    assert_eq!(repaired(&once), once);
}

#[test]
fn replacement_characters_are_counted() {
    let (_, counts) = repair("a\u{FFFD}b\u{FFFD}", false);
    assert_eq!(counts.replacements, 2);
}

fn messy() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-zA-Z ,.]{0,6}",
        3 => prop::sample::select(vec![
            "\r", "\n", "\r\n", " ", "\t", "\u{A0}", "\u{AD}", "\u{200B}", "\u{200D}", "\u{200C}", "\u{FEFF}", "\0", "\u{85}",
            "\u{80}", "\u{99}", "Ã", "Â", "â", "€", "™", "©", "ð", "Ÿ", "˜", "e\u{301}", "\u{303}", "A", "É", "”", "\u{2028}", "Å",
            "¿", "ï", "»", "👩", "ی",
        ]).prop_map(str::to_owned),
        2 => "\\PC{0,4}".prop_map(|text| misread(&text)),
        1 => "\\PC{0,3}".prop_map(|text| misread(&misread_as_latin(&text))),
        1 => any::<char>().prop_map(|character| character.to_string()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn repairing_twice_is_repairing_once(text in messy(), is_code in any::<bool>()) {
        let once = repair(&text, is_code).0.into_owned();
        let (twice, counts) = repair(&once, is_code);
        prop_assert_eq!(&*twice, once.as_str());
        prop_assert_eq!(counts.mojibake + counts.controls + counts.invisible + counts.composed, 0);
    }

    #[test]
    fn repaired_text_is_in_order(text in messy()) {
        let result = repaired(&text);
        let gone = ['\r', '\0', '\u{AD}', '\u{200B}', '\u{85}', '\u{A0}'];
        prop_assert!(!result.contains(gone));
        prop_assert!(!result.contains("\n\n\n") && !result.contains(" \n"));
        prop_assert!(unicode_normalization::is_nfc(&result));
    }
}
