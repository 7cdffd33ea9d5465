use std::io::Write;

use proptest::prelude::*;

use super::*;

/// Makes a PDF of objects numbered from 1, the first the catalogue: each its text, and the bytes of its stream if it has one.
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

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const ROMAN: &str = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";
const WIDE: &str = "<< /Type /Font /Subtype /Type0 /BaseFont /Some /Encoding /Identity-H /ToUnicode 8 0 R /DescendantFonts \
    [<< /Type /Font /Subtype /CIDFontType2 /DW 500 /W [1 [600 610] 3 9 550] >>] >>";
const TABLE: &str = "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
    2 beginbfchar <0001> <0414> <0002> <FB01> endbfchar\n1 beginbfrange <0003> <0005> <0061> <0006> <0007> [<D83DDE00> <4E2D6587>] endbfrange endcmap";

/// A PDF of pages with this content.
fn pages_of(contents: &[&str], packed: bool) -> Vec<u8> {
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
                [65 /eacute /f_f_i /uni20AC /quotedblright /germandbls] >> >>"
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

#[test]
fn a_page_as_it_stands_and_packed() {
    for packed in [false, true] {
        let found = document(&pages_of(&[PAGE], packed), &Settings::default()).unwrap();
        assert_eq!(found.text, PAGE_AS_TEXT);
        assert_eq!(found.title.as_deref(), Some("Tidé"));
        assert_eq!(found.date.as_deref(), Some("2024-05-01"));
        assert_eq!(found.language.as_deref(), Some("eng"));
        assert_eq!(found.pages, 1);
    }
}

#[test]
fn fonts_say_what_their_codes_mean() {
    let wide = "BT /F2 10 Tf 72 700 Td <000100020003000400050006> Tj <0007> Tj ET";
    assert_eq!(text(&pages_of(&[wide], true)).unwrap(), "Дfiabc😀中文");
    let odd = "BT /F3 10 Tf 72 700 Td (ABCDE) Tj ET";
    assert_eq!(text(&pages_of(&[odd], true)).unwrap(), "éffi€”ß");
}

#[test]
fn forms_pictures_and_decoration() {
    let content = "BT /F1 12 Tf 72 700 Td (Before.) Tj ET /X Do BI /W 1 /H 1 ID \x01(no) Tj\x02 EI /Artifact BMC BT /F1 12 Tf 72 50 Td \
        (Running head) Tj ET EMC BT /F1 12 Tf 72 80 Td (After.) Tj ET";
    let found = text(&pages_of(&[content], false)).unwrap();
    assert!(
        found.contains("From within a form.") && found.contains("Before.") && found.contains("After."),
        "{found}"
    );
    assert!(!found.contains("Running head") && !found.contains("no"), "{found}");
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

#[test]
fn objects_within_streams() {
    let inner = "1 0 2 50 3 120 << /Type /Catalog /Pages 2 0 R >>";
    let first = inner.find("<<").unwrap();
    let mut packed = inner.to_owned();
    packed.push_str(&" ".repeat(first + 50 - packed.len()));
    packed.push_str("<< /Type /Pages /Kids [5 0 R] /Count 1 >>");
    packed.push_str(&" ".repeat(first + 120 - packed.len()));
    packed.push_str(ROMAN);
    let objects = [
        ("null".to_owned(), None),
        ("null".to_owned(), None),
        ("null".to_owned(), None),
        (
            format!("/Type /ObjStm /N 3 /First {first} /Filter /FlateDecode"),
            Some(deflated(packed.as_bytes())),
        ),
        ("<< /Type /Page /Contents 6 0 R /Resources << /Font << /F1 3 0 R >> >> >>".to_owned(), None),
        (String::new(), Some(b"BT /F1 12 Tf 72 700 Td (Found in a stream.) Tj ET".to_vec())),
    ];
    assert_eq!(text(&file(&objects)).unwrap(), "Found in a stream.");
}

#[test]
fn filters_undo_what_they_name() {
    let none = Dictionary::default();
    let undo = |filter: &str, data: &[u8], settings: &Dictionary| {
        filters::unpack(data, &[(filter.to_owned(), settings.clone())], &mut 10_000).unwrap()
    };
    assert_eq!(undo("ASCIIHexDecode", b"48 65 6C6c 6F>", &none), b"Hello");
    assert_eq!(undo("ASCII85Decode", b"<~87cURD]i,\"Ebo80~>", &none), b"Hello World!");
    assert_eq!(undo("RunLengthDecode", &[2, b'a', b'b', b'c', 254, b'x', 128], &none), b"abcxxx");
    assert_eq!(
        undo("LZWDecode", &[0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01], &none),
        b"-----A---B"
    );
    let rows = Dictionary(vec![
        ("Predictor".to_owned(), Object::Number(15.0)),
        ("Columns".to_owned(), Object::Number(3.0)),
    ]);
    let predicted = deflated(&[1, 1, 1, 1, 2, 1, 1, 1, 4, 1, 1, 1, 3, 1, 1, 1]);
    assert_eq!(undo("FlateDecode", &predicted, &rows), [1, 2, 3, 2, 3, 4, 3, 4, 5, 2, 4, 5]);
    assert!(filters::unpack(b"x", &[("DCTDecode".to_owned(), none)], &mut 10).is_none());
}

#[test]
fn what_cannot_be_read_is_said() {
    assert!(text(b"hello").unwrap_err().contains("no PDF"));
    assert!(text(b"%PDF-1.4\nnothing").unwrap_err().contains("without a page"));
    assert!(text(&pages_of(&["0 0 m 10 10 l S"], false)).unwrap_err().contains("without text"));
    assert!(text(&pages_of(&["BT /F4 9 Tf ET"], false)).unwrap_err().contains("without text"));
    let mut locked = pages_of(&[PAGE], false);
    locked.extend_from_slice(b"trailer << /Root 1 0 R /Encrypt << /Filter /Standard >> >>");
    assert!(text(&locked).unwrap_err().contains("encrypted"));
}

#[test]
fn bombs_are_refused() {
    let bomb = deflated(&vec![b' '; 40 << 20]);
    let objects = |filters: &str, data: Vec<u8>| {
        file(&[
            ("<< /Type /Catalog /Pages 2 0 R >>".to_owned(), None),
            ("<< /Type /Pages /Kids [3 0 R] >>".to_owned(), None),
            ("<< /Type /Page /Contents 4 0 R >>".to_owned(), None),
            (filters.to_owned(), Some(data)),
        ])
    };
    let settings = Settings { largest_unpacked: 8 << 20 };
    for (filters, data) in [
        ("/Filter /FlateDecode", bomb.clone()),
        ("/Filter [/FlateDecode /FlateDecode]", deflated(&bomb)),
        ("/Type /ObjStm /N 9 /First 9 /Filter /FlateDecode", bomb),
    ] {
        let error = document(&objects(filters, data), &settings).unwrap_err();
        assert!(error.contains("largest_unpacked"), "{error}");
    }
    // A form that shows itself ten times over, and so on.
    let again = "/X Do ".repeat(10);
    let mut laughing = pages_of(&[again.as_str()], false);
    let at = memchr::memmem::find(&laughing, b"BT /F9 12 Tf 72 100 Td (From within a form.) Tj ET").unwrap();
    laughing.splice(
        at..at + 50,
        format!("{again}{}", " ".repeat(50 - again.len() % 50)).into_bytes().into_iter().take(50),
    );
    assert!(document(&laughing, &settings).is_err());
}

#[test]
fn structure_made_to_cost_time_or_stack() {
    let pieces = [
        "1 0 obj ",
        "1 0 obj [",
        "1 0 obj << ",
        "1 0 obj (",
        "1 0 obj <",
        "obj",
        "<< /A ",
        "[",
        "(",
        "stream\n",
        "1 0 obj << /Length 9 >> stream\n",
        "trailer ",
        "trailer << ",
        "endobj ",
        "%",
        "1 0 R ",
        "1 0 obj 1 0 R endobj ",
        "1 0 obj << /Type /ObjStm /N 9 /First 9 >> stream\nendstream ",
    ];
    std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(move || {
            for piece in pieces {
                let bytes = format!("%PDF-1.4\n{}", piece.repeat(200_000));
                assert!(text(bytes.as_bytes()).is_err(), "{piece}");
            }
            for content in [
                "q ",
                "[ ",
                "<< ",
                "( ",
                "BT ",
                "BI ",
                "BI ID ",
                "(a) Tj ",
                "/F1 9 Tf (a) Tj ",
                "/X Do ",
                "[(a) 1 (b)] TJ ",
                "/A BMC ",
            ] {
                let long = content.repeat(100_000);
                let page = format!("BT /F1 12 Tf 72 700 Td (Here.) Tj ET {long}");
                let found = text(&pages_of(&[page.as_str()], true));
                assert!(found.is_ok_and(|found| found.contains("Here.")), "{content}");
            }
        })
        .unwrap()
        .join()
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

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
        let _either = text(&bytes[..length]);
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut file = b"%PDF-1.4\n1 0 obj ".to_vec();
        file.extend_from_slice(&bytes);
        let _either = text(&file);
        for filter in ["FlateDecode", "LZWDecode", "ASCII85Decode", "ASCIIHexDecode", "RunLengthDecode"] {
            let unpacked = filters::unpack(&bytes, &[(filter.to_owned(), Dictionary::default())], &mut 5000);
            prop_assert!(unpacked.is_some_and(|unpacked| unpacked.len() <= 5000));
        }
    }
}
