//! PDF files, valid and broken.

use super::*;
use proptest::prelude::*;

/// A PDF of objects numbered from 1, the first one the catalogue: each with its text, and its stream's bytes if it has one.
fn file(objects: &[(String, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    for (index, (text, stream)) in objects.iter().enumerate() {
        let number = index + 1;
        match stream {
            None => write!(bytes, "{number} 0 obj\n{text}\nendobj\n").unwrap(),
            Some(stream) => {
                write!(bytes, "{number} 0 obj\n<< /Length {} {text} >>\nstream\n", stream.len()).unwrap();
                bytes.extend_from_slice(stream);
                bytes.extend_from_slice(b"\nendstream\nendobj\n");
            }
        }
    }
    bytes.extend_from_slice(b"trailer\n<< /Root 1 0 R /Info 6 0 R >>\nstartxref\n0\n%%EOF\n");
    bytes
}

/// A file with one page, which has these `entries`, and with further objects from the fourth on.
fn page_with(entries: &str, others: impl IntoIterator<Item = (String, Option<Vec<u8>>)>) -> Vec<u8> {
    let start = [
        ("<< /Type /Catalog /Pages 2 0 R >>".to_owned(), None),
        ("<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(), None),
        (format!("<< /Type /Page /Parent 2 0 R {entries} >>"), None),
    ];
    file(&start.into_iter().chain(others).collect::<Vec<_>>())
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const ROMAN: &str = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";
const WIDE: &str = "<< /Type /Font /Subtype /Type0 /BaseFont /Some /Encoding /Identity-H /ToUnicode 8 0 R /DescendantFonts \
    [<< /Type /Font /Subtype /CIDFontType2 /DW 500 /W [1 [600 610] 3 9 550] >>] >>";
const TABLE: &str = "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
    2 beginbfchar <0001> <0414> <0002> <FB01> endbfchar\n2 beginbfrange\n<0003> <0005> <0061>\n<0006> <0007> [<D83DDE00> <4E2D6587>]\nendbfrange endcmap";

pub(super) fn pages_of(contents: &[&str], packed: bool) -> Vec<u8> {
    let kids: Vec<String> = (0..contents.len()).map(|index| format!("{} 0 R", 9 + 2 * index)).collect();
    let mut objects = vec![
        ("<< /Type /Catalog /Pages 2 0 R /Lang (en-GB) >>".to_owned(), None),
        (
            format!(
                "<< /Type /Pages /Kids [{}] /Count {} /Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 5 0 R >> /XObject << /X 7 0 R >> >> >>",
                kids.join(" "),
                kids.len()
            ),
            None,
        ),
        (ROMAN.to_owned(), None),
        (WIDE.to_owned(), None),
        (
            "<< /Type /Font /Subtype /Type1 /BaseFont /Odd /FirstChar 65 /Widths [500 500 500 500 500] /Encoding << /Differences \
                [65 /eacute /ffi /uni20AC /quotedblright /germandbls] >> >>"
                .to_owned(),
            None,
        ),
        ("<< /Title <FEFF00540069006400E9> /CreationDate (D:20240501120000+02'00') >>".to_owned(), None),
        (
            "/Type /XObject /Subtype /Form /Matrix [1 0 0 1 0 0] /Resources << /Font << /F9 3 0 R >> >>".to_owned(),
            Some(b"BT /F9 12 Tf 72 100 Td (From within a form.) Tj ET".to_vec()),
        ),
        (if packed { "/Filter /FlateDecode" } else { "" }.to_owned(), Some(if packed { deflated(TABLE.as_bytes()) } else { TABLE.into() })),
    ];
    for (index, content) in contents.iter().enumerate() {
        objects.push((
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R >>",
                10 + 2 * index
            ),
            None,
        ));
        objects.push(if packed {
            ("/Filter [/FlateDecode]".to_owned(), Some(deflated(content.as_bytes())))
        } else {
            (String::new(), Some(content.as_bytes().to_vec()))
        });
    }
    file(&objects)
}

const PAGE: &str = "q BT /F1 20 Tf 72 720 Td (A tale of tides) Tj ET Q
BT /F1 12 Tf 1 0 0 1 72 680 Tm 14 TL (The sea rises and falls twice a day, and it does so be-) Tj T* [(cause the) -300 (Moon ) 20 (pulls at it.) \
    -350 (The Sun does the same, with) ] TJ T* (half the strength.) Tj 0 -28 Td (A second paragraph, caf\\351 \\(Paris\\), stands further \
    down, and) Tj 0 -14 Td (goes on \\223here\\224.) Tj ET";

const PAGE_AS_TEXT: &str = "A tale of tides\n\nThe sea rises and falls twice a day, and it does so because the Moon pulls at it. The Sun does the same, \
    with half the strength.\n\nA second paragraph, café (Paris), stands further down, and goes on “here”.";

/// The only document of a file.
fn document(bytes: &[u8]) -> Result<Document, String> {
    let (mut documents, troubles) = all("a.pdf", bytes);
    match documents.pop() {
        Some(document) => Ok(document),
        None => Err(troubles[0].reason.clone()),
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    document(bytes).map(|document| document.text)
}

#[test]
fn a_page_as_it_stands_and_packed() {
    for packed in [false, true] {
        let found = document(&pages_of(&[PAGE], packed)).unwrap();
        assert_eq!(found.text, PAGE_AS_TEXT);
        assert_eq!(found.title.as_deref(), Some("Tidé"));
        assert_eq!(found.date.as_deref(), Some("2024-05-01"));
        assert_eq!(found.language.as_deref(), Some("eng"));
    }
}

#[test]
fn fonts_say_what_their_codes_mean() {
    let wide = "BT /F2 10 Tf 72 700 Td <000100020003000400050006> Tj <0007> Tj ET";
    let found = text(&pages_of(&[wide], true)).unwrap();
    assert!(found.contains("Дfiabc") && found.contains("中文"), "{found}");
    let odd = "BT /F3 10 Tf 72 700 Td (ABCDE) Tj ET";
    assert_eq!(text(&pages_of(&[odd], true)).unwrap(), "éffi€”ß");
}

#[test]
fn raised_and_lowered_digits_stay_apart() {
    let page = "BT /F1 12 Tf 72 700 Td (The lamp gives 10) Tj /F1 8 Tf 5 Ts (6) Tj /F1 12 Tf 0 Ts ( candles, 5 m) Tj 7 Ts /F1 7 Tf (3) Tj \
        /F1 12 Tf 0 Ts ( of CO) Tj /F1 8 Tf -2 Ts (2) Tj /F1 12 Tf 0 Ts ( and) Tj ET\n\
        BT /F1 12 Tf 72 686 Td (in 1904) Tj /F1 8 Tf 5 Ts (12) Tj /F1 12 Tf 0 Ts ( of ) Tj /F1 8 Tf 4 Ts (14) Tj /F1 12 Tf 0 Ts (C the tower) Tj \
        /F1 8 Tf 5 Ts (3) Tj /F1 12 Tf 0 Ts ( was painted.) Tj ET";
    let found = text(&pages_of(&[page], true)).unwrap();
    assert_eq!(
        found,
        "The lamp gives 10⁶ candles, 5 m³ of CO₂ and in 1904[12] of ¹⁴C the tower[3] was painted."
    );
    let page = "BT /F1 12 Tf 72 700 Td (It weighs 9 x 10) Tj /F1 8 Tf 5 Ts (-31) Tj /F1 12 Tf 0 Ts ( kg, 10) Tj /F1 8 Tf 5 Ts (-4) Tj /F1 12 Tf 0 \
        Ts ( g.) Tj ET";
    assert_eq!(text(&pages_of(&[page], true)).unwrap(), "It weighs 9 x 10⁻³¹ kg, 10⁻⁴ g.");
    // A gap before an exponent, and a fraction.
    let page = "BT /F1 12 Tf 72 700 Td (It gives 10) Tj /F1 8 Tf 5 Ts [-200 (6)] TJ /F1 12 Tf 0 Ts ( candles for 1) Tj /F1 8 Tf 5 Ts (1) Tj \
        /F1 12 Tf 0 Ts (/) Tj /F1 8 Tf -2 Ts (24) Tj /F1 12 Tf 0 Ts ( of ) Tj /F1 8 Tf 5 Ts (14) Tj /F1 12 Tf 0 Ts (C.) Tj ET";
    assert_eq!(text(&pages_of(&[page], true)).unwrap(), "It gives 10⁶ candles for 1 1/24 of ¹⁴C.");
    // The same size, and drawn after the whole line.
    let page = "BT /F1 12 Tf 72 700 Td (The lamp gives 10) Tj 5 Ts (6) Tj 0 Ts ( candles, and the mirror loses a part of them.) Tj ET\n\
        BT /F1 12 Tf 72 686 Td (It loses 10) Tj ET BT /F1 12 Tf 72 672 Td (of them.) Tj ET BT /F1 7 Tf 127 692 Td (4) Tj ET";
    let found = text(&pages_of(&[page], true)).unwrap();
    assert!(
        found.starts_with("The lamp gives 10⁶ candles,") && found.contains("loses 10⁴ of them."),
        "{found}"
    );
}

#[test]
fn columns_are_read_one_after_the_other() {
    let mut content = "BT /F1 16 Tf 72 740 Td (Head over both columns) Tj ET\n".to_owned();
    for line in 0..24 {
        for (column, x) in [("left", 72), ("right", 330)] {
            let y = 700 - 14 * line;
            content +=
                &format!("BT /F1 10 Tf {x} {y} Td (The {column} column goes on in its line {line},) Tj ET\n");
        }
    }
    let found = text(&pages_of(&[content.as_str()], true)).unwrap();
    let place = |words: &str| found.find(words).unwrap_or_else(|| panic!("{words} in {found}"));
    assert!(
        place("left column goes on in its line 23") < place("right column goes on in its line 0"),
        "{found}"
    );
}

#[test]
fn running_heads_and_page_numbers_go() {
    let contents: Vec<String> = (1..=6)
        .map(|page| {
            format!(
                "BT /F1 9 Tf 72 760 Td (Tides, page {page} of 6) Tj ET BT /F1 12 Tf 72 700 Td (What page {page} says is all its own,) Tj 0 -14 \
                 Td (word for word.) Tj ET BT /F1 9 Tf 300 30 Td ({page}) Tj ET"
            )
        })
        .collect();
    let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
    let found = text(&pages_of(&contents, true)).unwrap();
    assert!(found.contains("What page 4 says is all its own, word for word."), "{found}");
    assert!(!found.contains("of 6") && !found.contains("\n5"), "{found}");
}

/// The text of a file, and its troubles.
fn with_troubles(bytes: &[u8]) -> (Option<String>, Vec<String>) {
    let (mut documents, troubles) = all("a.pdf", bytes);
    (
        documents.pop().map(|document| document.text),
        troubles.into_iter().map(|trouble| trouble.reason).collect(),
    )
}

/// A file with one word replaced by another; it has no index, so offsets may change.
fn replaced(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text: String = bytes.into_iter().map(char::from).collect();
    assert!(text.contains(from));
    text.replace(from, to).chars().map(|letter| letter as u8).collect()
}

#[test]
fn turned_pages_read_as_upright_ones() {
    for key in ["90", "180", "270", "-90"] {
        let page = replaced(pages_of(&[PAGE], false), "/MediaBox", &format!("/Rotate {key} /MediaBox"));
        assert_eq!(text(&page).unwrap(), PAGE_AS_TEXT, "turned by its key, {key}");
    }
    for (a, b) in [(0, 1), (0, -1), (-1, 0)] {
        let turned = format!("{a} {b} {} {a} 300 300 cm {PAGE}", -b);
        assert_eq!(
            text(&pages_of(&[&turned], true)).unwrap(),
            PAGE_AS_TEXT,
            "turned by its content, {a} {b}"
        );
    }
    // A line along the side is not part of the text's sentences.
    let side = format!("{PAGE} BT /F1 9 Tf 0 1 -1 0 20 100 Tm (Stamped along the side) Tj ET");
    assert_eq!(text(&pages_of(&[&side], true)).unwrap(), format!("Stamped along the side\n\n{PAGE_AS_TEXT}"));
}

#[test]
fn hyphens_of_words_stay_and_those_of_line_ends_go() {
    let lines = "De prijs is zonder vracht-|en verzendkosten. Die Ein- und|Ausfuhr, also die Haupt- und Neben-|kosten, sowie die Vor-|\
        und Nachteile. The smell of n-|tridecanal, the long-|term cost-|effective price-|determining factors, the e-|mail of a state-of-the-|\
        art North-|South service, lightkeepers, and the light-|keepers of a sea-|wall; a sea-wall.";
    let content = format!("BT /F1 11 Tf 15 TL 72 760 Td ({}) Tj ET", lines.replace('|', ") Tj T* ("));
    assert_eq!(
        text(&pages_of(&[&content], true)).unwrap(),
        "De prijs is zonder vracht- en verzendkosten. Die Ein- und Ausfuhr, also die Haupt- und Nebenkosten, sowie die Vor- und Nachteile. \
         The smell of n-tridecanal, the long-term cost-effective price-determining factors, the e-mail of a state-of-the-art North-South \
         service, lightkeepers, and the lightkeepers of a sea-wall; a sea-wall."
    );
}

#[test]
fn sentences_go_on_over_page_ends_and_their_feet() {
    let page = |number: u32, lines: [&str; 3]| {
        let [one, two, three] = lines;
        format!(
            "BT /F1 9 Tf 200 760 Td (Volume 3) Tj ET BT /F1 12 Tf 14 TL 72 700 Td ({one}) Tj T* ({two}) Tj T* ({three}) Tj ET \
             BT /F1 9 Tf 300 30 Td ({number}) Tj ET"
        )
    };
    let pages = [
        page(
            7,
            [
                "The keeper of the light had gone to the village that",
                "morning with a letter in his hand, as he did in every",
                "month, and so nobody saw the ship that came in from",
            ],
        ),
        page(
            8,
            [
                "the east with all her sails torn. It was the Marigold,",
                "of which no word had come since May, and her captain",
                "stood at the wheel alone.",
            ],
        ),
    ];
    assert_eq!(
        text(&pages_of(&[&pages[0], &pages[1]], true)).unwrap(),
        "The keeper of the light had gone to the village that morning with a letter in his hand, as he did in every month, and so nobody saw the \
         ship that came in from the east with all her sails torn. It was the Marigold, of which no word had come since May, and her captain \
         stood at the wheel alone."
    );
}

#[test]
fn loops_and_bombs_end() {
    let page = "BT /F1 12 Tf 72 700 Td (The keeper wrote it down.) Tj ET";
    let tree = replaced(pages_of(&[page], false), "/Kids [9 0 R]", "/Kids [2 0 R 9 0 R 2 0 R]");
    let tree = replaced(tree, "/Count 1", "/Count 1000000000");
    assert_eq!(text(&tree).unwrap(), "The keeper wrote it down.");
    // Forms that call each other repeatedly, sixty deep.
    let objects: Vec<(String, Option<Vec<u8>>)> = (0..60)
        .map(|number| {
            let form = format!("/Subtype /Form /Resources << /XObject << /X {} 0 R >> >>", number + 6);
            (form, Some(b"/X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do".to_vec()))
        })
        .collect();
    let entries = "/Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >>";
    let forms = page_with(entries, [(String::new(), Some(b"/X Do".to_vec()))].into_iter().chain(objects));
    let (found, troubles) = with_troubles(&forms);
    assert!(
        found.is_none() && troubles.concat().contains("exceeds the work limit on page 1 of 1"),
        "{troubles:?}"
    );
    // Packed twice.
    let bomb = deflated(&deflated(&vec![b' '; 200 << 20]));
    let twice =
        page_with("/Contents 4 0 R", [("/Filter [/FlateDecode /FlateDecode]".to_owned(), Some(bomb))]);
    assert!(text(&twice).unwrap_err().contains("reading.limits.expansion"));
}

#[test]
fn pages_that_cannot_be_read_are_named() {
    let line = |number: u32| format!("BT /F1 12 Tf 72 700 Td (This is what page {number} says.) Tj ET");
    let pages = [line(1), line(2) + " 0 g", line(3)];
    let file = pages_of(&[&pages[0], &pages[1], &pages[2]], false);
    let file = replaced(
        file,
        &format!("/Length {} ", pages[1].len()),
        &format!("/Length {} /Filter /DCTDecode ", pages[1].len()),
    );
    let (found, troubles) = with_troubles(&file);
    assert_eq!(found.as_deref(), Some("This is what page 1 says.\n\nThis is what page 3 says."));
    assert!(troubles[0].contains("broken content on 1 page of 3 (2)"), "{troubles:?}");
    // Two of three glyphs without a character.
    let unknown = "BT /F2 10 Tf 72 700 Td <000100010099009900990099> Tj ET";
    let (found, troubles) = with_troubles(&pages_of(&[unknown], true));
    assert_eq!(found.as_deref(), Some("ДД"));
    assert!(troubles[0].contains("66 % of its glyphs have no Unicode mapping"), "{troubles:?}");
}

#[test]
fn lines_from_right_to_left_are_in_the_order_of_reading() {
    // "abc 12" in place of Hebrew letters: the table maps them to alef to gimel, drawn from the left as gimel, bet, alef.
    let table = TABLE
        .replace("<0003> <0005> <0061>", "<0003> <0005> <05D0>")
        .replace("<0001> <0414>", "<0001> <0031>")
        .replace("<FB01>", "<0032>");
    let content =
        "BT /F2 10 Tf 72 700 Td <00010002> Tj 8 0 Td <0005> Tj 5.5 0 Td <0004> Tj 5.5 0 Td <0003> Tj ET";
    let file = replaced(pages_of(&[content], false), TABLE, &table);
    assert_eq!(text(&file).unwrap().replace(' ', ""), "אבג12");
}

#[test]
fn names_of_letters_and_accents_of_tex() {
    let names = replaced(
        pages_of(&["BT /F3 10 Tf 72 700 Td (ABCDE) Tj ET"], false),
        "/eacute /ffi /uni20AC /quotedblright /germandbls",
        "/f_i.alt /u1F600 /afii10017 /a80 /Gamma",
    );
    assert_eq!(text(&names).unwrap(), "fi😀АPΓ");
    // An accent, and the letter moved back under it.
    let accent = "BT /F1 10 Tf 72 700 Td [(caf) (\\264) 444 (e)] TJ ET";
    assert_eq!(text(&pages_of(&[accent], true)).unwrap(), "café");
    let said = "BT /F1 10 Tf 72 700 Td (o) Tj /Span << /ActualText (ffi) >> BDC (XYZ) Tj EMC (ce) Tj \
        /Artifact << /Type /Pagination >> BDC 0 -600 Td (17) Tj EMC ET";
    assert_eq!(text(&pages_of(&[said], true)).unwrap(), "office");
}

/// A PDF of one page with this content and these fonts in its resource dictionary.
fn with_fonts(fonts: &str, content: &str) -> Vec<u8> {
    let entries = format!("/Contents 4 0 R /Resources << /Font << {fonts} >> >>");
    page_with(&entries, [(String::new(), Some(content.as_bytes().to_vec()))])
}

#[test]
fn fonts_without_an_object_of_their_own_are_told_apart() {
    let font = |name: &str, letters: &str| {
        format!(
            "/{name} << /Type /Font /Subtype /Type1 /BaseFont /Odd /FirstChar 65 /Widths [500 0 500] \
             /Encoding << /Differences [65 {letters}] >> >>"
        )
    };
    let fonts = font("A", "/eacute /b /c") + &font("B", "/germandbls /uni0301 /d");
    let content = "BT /A 12 Tf 72 700 Td (A) Tj /B 12 Tf (A) Tj ET";
    assert_eq!(text(&with_fonts(&fonts, content)).unwrap(), "éß");
    // A mark of zero width moves back by the spacing and is not reversed.
    let content = "BT /B 12 Tf 72 700 Td -0.5 Tc (CBCA) Tj ET";
    assert_eq!(text(&with_fonts(&fonts, content)).unwrap(), "d\u{301}dß");
    // A font that the page does not have.
    let content = "BT /A 12 Tf 72 700 Td (AAAA) Tj /C 12 Tf (gone) Tj ET";
    let (found, troubles) = with_troubles(&with_fonts(&fonts, content));
    assert_eq!(found.as_deref(), Some("éééé"));
    assert!(troubles[0].contains("50 % of its glyphs have no Unicode mapping"), "{troubles:?}");
}

#[test]
fn headings_that_differ_in_a_number_stay() {
    let contents: Vec<String> = (1..=4)
        .map(|page| {
            format!(
                "BT /F1 20 Tf 72 740 Td (Chapter {page}) Tj ET BT /F1 12 Tf 14 TL 72 700 Td (What page {page} says is all its own,) Tj \
                 T* (word for word, in) Tj T* (these three lines.) Tj ET BT /F1 9 Tf 300 30 Td ({page}) Tj ET"
            )
        })
        .collect();
    let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
    let found = text(&pages_of(&contents, true)).unwrap();
    assert!(found.contains("Chapter 1") && found.contains("Chapter 4") && !found.contains("\n3"), "{found}");
}

#[test]
fn streams_used_again_or_packed_in_letters_are_weighed() {
    let page = |contents: &str, stream: (String, Option<Vec<u8>>)| {
        page_with(&format!("/Contents {contents}"), [stream])
    };
    let again = page(&format!("[{}]", "4 0 R ".repeat(50_000)), (String::new(), Some(vec![b' '; 4000])));
    let reason = text(&again).unwrap_err();
    assert!(reason.contains("exceeds the work limit on page 1 of 1"), "{reason}");
    let bomb: String = deflated(&vec![b' '; 200 << 20]).iter().map(|byte| format!("{byte:02x}")).collect();
    let filters = "/Filter [/ASCIIHexDecode /FlateDecode]".to_owned();
    let reason = text(&page("4 0 R", (filters.clone(), Some(bomb.clone().into_bytes())))).unwrap_err();
    assert!(reason.contains("reading.limits.expansion"), "{reason}");
    // DEFLATE without a header, indirect filters, and a long dictionary.
    let plain = deflated(&vec![b' '; 200 << 20]);
    let bare = plain[2..plain.len() - 4].to_vec();
    let elsewhere = |filter: &str, bomb: &[u8]| {
        let filter = (filter.to_owned(), Some(bomb.to_vec()));
        page_with("/Contents 4 0 R", [filter, ("/FlateDecode".to_owned(), None)])
    };
    let long = format!("/Filter /FlateDecode /A ({})", "a".repeat(3000));
    let words = format!("/Filter /FlateDecode /A (an obj {})", "a".repeat(30));
    for (filter, bomb) in [
        ("/Filter /FlateDecode", &bare),
        ("/Filter 5 0 R", &plain),
        ("/Filter 5 0 R", &bare),
        ("/Filter [5 0 R]", &bare),
        (&long, &bare),
        (&words, &bare),
    ] {
        let reason = text(&elsewhere(filter, bomb)).unwrap_err();
        assert!(reason.contains("reading.limits.expansion"), "{filter}: {reason}");
    }
    let said = deflated(b"BT /F1 12 Tf 72 700 Td (Said.) Tj ET");
    for filter in ["/Filter 5 0 R", "/Filter [5 0 R]"] {
        let reason = text(&elsewhere(filter, &said));
        assert!(!format!("{reason:?}").contains("expansion"), "what is small is read: {reason:?}");
    }
    // A picture's key in a nested dictionary does not make it a picture.
    let filters = format!("{filters} /A << /Subtype /Image >>");
    let reason = text(&page("4 0 R", (filters, Some(bomb.into_bytes())))).unwrap_err();
    assert!(reason.contains("reading.limits.expansion"), "{reason}");
}

#[test]
fn what_cannot_be_read_is_said() {
    assert!(text(b"hello").unwrap_err().contains("not a PDF (no %PDF- header)"));
    let broken = text(b"%PDF-1.4\nand nothing else").unwrap_err();
    assert!(broken.ends_with("; save it again with the program that made it"), "{broken}");
    assert!(text(&pages_of(&["0 0 m 10 10 l S"], false)).unwrap_err().contains("without text"));
    let mut locked = pages_of(&[PAGE], false);
    let o = "<28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A>";
    locked.extend_from_slice(
        format!("trailer << /Root 1 0 R /ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /O {o} /U {o} /P -4 >> >>\nstartxref\n0\n%%EOF\n")
            .as_bytes(),
    );
    assert!(text(&locked).unwrap_err().contains("encrypted with a password"));
    // With bytes before its mark, and without its index.
    let mut moved = b"junk\n".repeat(20);
    moved.extend(pages_of(&[PAGE], true));
    assert_eq!(text(&moved).unwrap(), PAGE_AS_TEXT);
}

#[test]
fn structure_made_to_cost_time_or_stack() {
    let bomb = deflated(&vec![b' '; 40 << 20]);
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            for piece in ["1 0 obj ", "1 0 obj [", "<< /A ", "(", "stream\n", "trailer << ", "1 0 R "] {
                let bytes = format!("%PDF-1.4\n{}", piece.repeat(20_000));
                assert!(text(bytes.as_bytes()).is_err(), "{piece}");
            }
            for content in ["q ", "[ ", "<< ", "( ", "BT ", "BI ID ", "/X Do ", "/A BMC ", nested.as_str()] {
                let page = format!(
                    "BT /F1 12 Tf 72 700 Td (Here.) Tj ET {}",
                    content.repeat(200_000 / content.len())
                );
                text(&pages_of(&[page.as_str()], true)).ok();
            }
            let bomb = ("/Filter [/FlateDecode /FlateDecode]".to_owned(), Some(deflated(&bomb)));
            assert!(text(&page_with("/Contents 4 0 R", [bomb])).is_err());
        })
        .unwrap()
        .join()
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_files_never_end_the_engine(
        packed in any::<bool>(),
        cut in 0.0..1.0_f64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
    ) {
        let mut bytes = pages_of(&[PAGE, "BT /F2 10 Tf <00010002> Tj /F3 9 Tf (AB) Tj ET /X Do"], packed);
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let length = if cut < 0.5 { bytes.len() } else { (bytes.len() as f64 * cut) as usize };
        text(&bytes[..length]).ok();
    }
}
