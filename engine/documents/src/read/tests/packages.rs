//! Documents that are archives: Word documents and electronic books.

use super::formats::archive;
use super::*;
use crate::document::Kind;
use crate::extract;
use crate::read::work::WORK;
use proptest::prelude::*;

const CONTAINER: &str =
    "<container><rootfiles><rootfile full-path='OEBPS/content.opf'/></rootfiles></container>";

fn chapter(text: &str) -> String {
    format!(
        "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>T</title></head><body><p>{text}</p></body></html>"
    )
}

/// A book of a table of contents and these chapters, given by id, reference and name, and read in this order.
fn book(chapters: &[(&str, &str, &str)], spine: &[&str], others: &[(&str, &str)]) -> Vec<u8> {
    book_of(CONTAINER, chapters, spine, others)
}

fn book_of(
    container: &str,
    chapters: &[(&str, &str, &str)],
    spine: &[&str],
    others: &[(&str, &str)],
) -> Vec<u8> {
    let items: String =
        chapters.iter().map(|(id, reference, _)| format!("<item id='{id}' href='{reference}'/>")).collect();
    let order: String = spine.iter().map(|id| format!("<itemref idref='{id}'/>")).collect();
    let package = format!(
        "<package><manifest><item id='n' href='nav.xhtml' properties='nav'/>{items}</manifest>\
         <spine><itemref idref='n'/>{order}</spine></package>"
    );
    let texts: Vec<String> = chapters.iter().map(|(id, ..)| chapter(id)).collect();
    let mut members = others.to_vec();
    members.extend([("META-INF/container.xml", container), ("OEBPS/content.opf", package.as_str())]);
    members.push(("OEBPS/nav.xhtml", "<p>Contents"));
    members.extend(chapters.iter().zip(&texts).map(|((_, _, name), text)| (*name, text.as_str())));
    archive(&members)
}

/// The ends of the ids of a book's chapters.
fn order(bytes: &[u8]) -> Vec<String> {
    let end = |document: &Document| document.id.rsplit('/').next().unwrap_or_default().to_owned();
    read("book.epub", bytes).iter().map(end).collect()
}

#[test]
fn a_book_is_read_in_the_order_of_its_spine_however_it_refers_to_chapters() {
    for (folder, refer) in [
        ("OEBPS/", "{}.xhtml"),
        ("OEBPS/", "./{}.xhtml"),
        ("OEBPS/", "{}.xhtml#part"),
        ("OEBPS/", "x/../{}.xhtml?a=b"),
        ("OEBPS/", "/OEBPS/{}.xhtml"),
        ("Text/", "../Text/{}.xhtml"),
        ("OEBPS/", "%6Fne/../{}.xhtml"),
        ("OEBPS/x/", "x\\{}.xhtml"),
        ("OEBPS/100%25/", "100%25/{}.xhtml"),
        ("oebps/", "{}.XHTML"),
        ("OEBPS/", "file:///OEBPS/{}.xhtml"),
    ] {
        let [three, one, two] =
            ["three", "one", "two"].map(|id| (refer.replace("{}", id), format!("{folder}{id}.xhtml")));
        let chapters =
            [("three", &*three.0, &*three.1), ("one", &*one.0, &*one.1), ("two", &*two.0, &*two.1)];
        let found = order(&book(&chapters, &["one", "two", "absent", "three"], &[]));
        assert_eq!(found, ["one.xhtml", "two.xhtml", "three.xhtml"], "{refer}");
    }
    // The container names the package, whatever else is in the archive.
    let old = "<package><manifest><item id='x' href='x.xhtml'/></manifest><spine><itemref idref='x'/></spine></package>";
    let (text, mut content) = (chapter("old"), Vec::new());
    let chapters = [("b", "b.xhtml", "OEBPS/b.xhtml"), ("a", "a.xhtml", "OEBPS/a.xhtml")];
    for path in
        ["OEBPS/content.opf", "oebps/CONTENT.OPF", "file:///OEBPS/content.opf", "./OEBPS/x/../content.opf"]
    {
        let container = CONTAINER.replace("OEBPS/content.opf", path);
        let others = [("AAA/old.opf", old), ("AAA/x.xhtml", &*text)];
        content = book_of(&container, &chapters, &["a", "b"], &others);
        assert_eq!(order(&content), ["a.xhtml", "b.xhtml"], "{path}");
    }
    let own = read("book.epub", content).remove(0);
    assert_eq!((&*own.id, &*own.source, own.kind), ("book.epub/OEBPS/a.xhtml", "book", Kind::HtmlFragment));
    // Also if it names a printed edition first.
    let both = CONTAINER
        .replace("<rootfile ", "<rootfile full-path='a.pdf' media-type='application/pdf'/><rootfile ");
    let printed = book_of(&both, &chapters, &["a", "b"], &[]);
    assert_eq!(order(&printed), ["a.xhtml", "b.xhtml"]);
    let twins = book(&[("a", "a.xhtml", "OEBPS/a.xhtml"), ("a", "b.xhtml", "OEBPS/b.xhtml")], &["a"], &[]);
    assert_eq!(order(&twins), ["a.xhtml", "b.xhtml"]);
    let unnamed = book(&chapters, &["c"], &[]);
    let told = "book.epub/spine: names no chapter that is in the book";
    assert_eq!(says("book.epub", unnamed, &Settings::default(), told).len(), 3);
}

const WORD: &str = "<w:document xmlns:w='w' xmlns:m='m'><w:body>";

fn word(body: &str, notes: &str) -> Vec<u8> {
    let body = format!("{WORD}{body}</w:body></w:document>");
    let rels =
        "<Relationships><Relationship Type='http://x/footnotes' Target='./notes.xml'/></Relationships>";
    archive(&[
        ("word/document.xml", &body),
        ("word/_rels/document.xml.rels", rels),
        ("word/notes.xml", notes),
    ])
}

fn run(text: &str, align: &str) -> String {
    format!("<w:r><w:rPr><w:vertAlign w:val='{align}'/></w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>")
}

#[test]
fn notes_formulas_and_symbols_of_a_word_document_are_read() {
    let body = "<w:p><w:r><w:t>A note</w:t></w:r><w:r><w:footnoteReference w:id='2'/></w:r><w:r><w:t xml:space='preserve"
        .to_owned()
        + "'> and </w:t><w:sym w:font='Symbol' w:char='F061'/><w:sym w:font='Wingdings' w:char='F04A'/></w:r></w:p>\
        <w:p><m:oMath><m:r><m:t>E=m</m:t></m:r><m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>\
        <m:r><m:t>, </m:t></m:r><m:f><m:num><m:r><m:t>10</m:t></m:r></m:num><m:den><m:r><m:t>3</m:t></m:r></m:den></m:f></m:oMath></w:p>\
        <w:p>" + &run("10", "baseline") + &run("−", "superscript") + &run("6", "superscript") + &run(" CO", "") + &run("2", "subscript")
        + "</w:p>";
    let notes = "<w:footnotes><w:footnote w:id='0'><w:p/></w:footnote><w:footnote w:id='2'><w:p><w:r><w:footnoteRef/></w:r><w:r><w:t>Of the \
        page.</w:t></w:r></w:p></w:footnote></w:footnotes>";
    let (troubles, found) = wrong("a.docx", word(&body, notes), &Settings::default());
    assert_eq!(found, ["A note[1] and α\n\nE=mc^2, 10/3\n\n10⁻⁶ CO₂\n\n[1] Of the page."]);
    assert_eq!(troubles, ["a.docx: 1 symbol of fonts without known characters left out"]);
    // Numbers that only their form keeps apart: `2 1/3`, equations, roots, binomials, and text raised by position and by style.
    let letter = |text: &str| format!("<m:r><m:t>{text}</m:t></m:r>");
    let part = |name: &str, text: &str| format!("<m:{name}>{}</m:{name}>", letter(text));
    let raised =
        |property: &str, text: &str| format!("<w:r><w:rPr>{property}</w:rPr><w:t>{text}</w:t></w:r>");
    let body = [
        "<w:p>".to_owned() + &raised("", "2"),
        format!("<m:oMath><m:f>{}{}</m:f></m:oMath>", part("num", "1"), part("den", "3")),
        raised("", "4, 10") + &raised("<w:position w:val='10'/>", "6") + &raised("", ", 10") + &raised("<w:rStyle w:val='up'/>", "8"),
        raised("", ", x") + "</w:p><w:p><m:oMath>" + &letter("1") + &letter("2"),
        format!("<m:f><m:fPr><m:type m:val='noBar'/></m:fPr>{}{}</m:f>", part("num", "5"), part("den", "2")),
        format!("<m:rad>{}{}</m:rad>", part("deg", "4"), part("e", "16")),
        format!("<m:eqArr>{}{}</m:eqArr></m:oMath>", part("e", "1=1"), part("e", "2=2")),
        "<w:r><w:instrText> EQ \\f(1,2)</w:instrText></w:r><w:r><w:footnoteReference w:id='9'/><w:object><o:OLEObject ProgID='Equation.3'/></w:object></w:r></w:p>".to_owned(),
    ];
    let styles = "<w:styles><w:style w:type='character' w:styleId='base'><w:rPr><w:vertAlign w:val='superscript'/></w:rPr></w:style>\
        <w:style w:type='character' w:styleId='up'><w:basedOn w:val='base'/></w:style></w:styles>";
    let body = format!("{WORD}{}</w:body></w:document>", body.concat());
    let package = archive(&[("word/document.xml", &body), ("word/styles.xml", styles)]);
    let (troubles, found) = wrong("a.docx", package, &Settings::default());
    assert_eq!(found, ["2 1/3 4, 10⁶, 10⁸, x\n\n12 5¦2⁴√(16)1=1; 2=2[1]"]);
    assert_eq!(
        troubles,
        [
            "a.docx: 2 equations as a field or an embedded object left out",
            "a.docx: 1 reference to notes that the document does not contain"
        ]
    );
    // In an archive, and under the name that the package gives it.
    let body = format!("{WORD}<w:p><w:r><w:t>Here.</w:t></w:r></w:p></w:body></w:document>");
    let rels = "<Relationships><Relationship Type='http://x/officeDocument' Target='/word/other.xml'/></Relationships>";
    let inner = archive(&[("_rels/.rels", rels), ("word/other.xml", &body)]);
    let mut outer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    outer.start_file("in/a.docx", zip::write::SimpleFileOptions::default()).unwrap();
    outer.write_all(&inner).unwrap();
    assert_eq!(
        texts("all.zip", outer.finish().unwrap().into_inner()),
        [("all.zip/in/a.docx".into(), "Here.".into())]
    );
}

/// The work of reading a file.
fn work(name: &str, content: impl AsRef<[u8]>) -> u64 {
    WORK.set(0);
    let (documents, _) = all(name, content);
    assert!(!documents.is_empty());
    WORK.get()
}

#[test]
fn work_grows_linearly() {
    let rows = |row: &dyn Fn(usize) -> String, count| {
        "text,n\n".to_owned() + &(0..count).map(row).collect::<String>()
    };
    let tables: [&dyn Fn(usize) -> String; 4] = [
        &|n| format!("\n\"Hello\" she said to the keeper number {n} of the wall,{n}\n"),
        &|n| format!("\"a\"b\na good row of the table number {n},{n}\nx\n"),
        &|n| format!("\"open, a, b\nx\na good row {n},{n}\n"),
        &|n| format!("\"one\ntwo \"three\" {n}\",{n}\n"),
    ];
    let chapters = |count: usize| {
        let ids: Vec<String> = (0..count).rev().map(|n| format!("c{n}")).collect();
        let names: Vec<(String, String)> =
            ids.iter().map(|id| (format!("./{id}.xhtml"), format!("OEBPS/{id}.xhtml"))).collect();
        let chapters: Vec<(&str, &str, &str)> =
            ids.iter().zip(&names).map(|(id, (reference, name))| (&**id, &**reference, &**name)).collect();
        let mut spine: Vec<&str> = ids.iter().map(String::as_str).collect();
        spine.reverse();
        book(&chapters, &spine, &[])
    };
    let texts = |count| "A line.\n<|endoftext|>\nAnother, with more words.\n<|endoftext|>\n".repeat(count);
    let check = |name: &str, one: u64, four: u64| assert!(four < 5 * one, "{name}: {one} and {four}");
    for (number, row) in tables.iter().enumerate() {
        check(&format!("table {number}"), work("a.csv", rows(row, 4000)), work("a.csv", rows(row, 16_000)));
    }
    check("book", work("a.epub", chapters(60)), work("a.epub", chapters(240)));
    let header = |count| format!("text{}\nwords{}\n", ",c".repeat(count), ",1".repeat(count));
    check("header", work("a.csv", header(250)), work("a.csv", header(1000)));
    check("text", work("a.txt", texts(5000)), work("a.txt", texts(20_000)));
    let member = |n: usize| {
        let body = format!("<p>page {n} {}", "of many words ".repeat(40));
        let mut member =
            gzip(crawls::response("HTTP/1.1 200 OK\nContent-Type: text/html\n\n", body.as_bytes()));
        // Every second and third one is cut short.
        member.truncate(if n.is_multiple_of(3) { member.len() } else { 100 });
        member
    };
    let crawl = |count| (0..count).flat_map(member).collect::<Vec<u8>>();
    check("crawl", work("a.warc.gz", crawl(1000)), work("a.warc.gz", crawl(4000)));
    let files = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("{n}.txt")).collect();
        archive(&names.iter().map(|name| (&**name, "Some words.\n")).collect::<Vec<_>>())
    };
    check("archive", work("a.zip", files(60)), work("a.zip", files(240)));
    let paragraphs = |count| word(&format!("<w:p>{}</w:p>", run("Some words.", "")).repeat(count), "");
    check("document", work("a.docx", paragraphs(1000)), work("a.docx", paragraphs(4000)));
    let pages = |count| papers::pages_of(&vec!["BT /F1 12 Tf 72 700 Td (Some words.) Tj ET"; count], true);
    check("pages", work("a.pdf", pages(60)), work("a.pdf", pages(240)));
    check(
        "columns",
        work("a.parquet", columns::text_groups(60)),
        work("a.parquet", columns::text_groups(240)),
    );
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    Line,
    Raised,
    Lowered,
    /// One by a number.
    Fraction,
}

/// The runs of digits of one kind in a text.
fn groups(text: &str) -> Vec<String> {
    let digit = |letter: char| {
        let place = |digits: &str| digits.chars().position(|digit| digit == letter);
        let kinds = ["0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"];
        kinds.into_iter().enumerate().find_map(|(kind, digits)| Some((kind, place(digits)?)))
    };
    let (mut groups, mut last) = (Vec::<String>::new(), None);
    for letter in text.chars() {
        let found = digit(letter);
        if let Some((kind, value)) = found {
            match groups.last_mut().filter(|_| last == Some(kind)) {
                Some(group) => *group += &value.to_string(),
                None => groups.push(value.to_string()),
            }
        }
        last = found.map(|(kind, _)| kind);
    }
    groups
}

/// The prose of a file.
fn prose_of(name: &str, content: impl AsRef<[u8]>) -> String {
    let memory = Memory::default().with(name, content);
    let found = find(&memory, &[name.into()], &Settings::default());
    let items = found.sources.iter().flat_map(|source| {
        prose(&memory, source, &Settings::default(), &extract::Settings::default(), &Arc::default())
    });
    items.map(|item| item.unwrap().text).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn digits_stay_apart(
        pieces in prop::collection::vec(
            (
                1_u32..3000,
                prop::sample::select(vec![Level::Line, Level::Raised, Level::Lowered, Level::Fraction]),
                prop::sample::select(vec!["", " ", " in ", "m", " of the wall", ")"]),
            ),
            1..8,
        )
    ) {
        let mut parts: Vec<(String, Level)> = vec![("There were ".into(), Level::Line)];
        let mut expected = Vec::new();
        for (number, level, after) in pieces {
            // Numbers that adjoin in the same script are one number.
            let is_same = |last| last == level || matches!((last, level), (Level::Raised, Level::Fraction) | (Level::Fraction, Level::Lowered));
            if parts.last().is_some_and(|(text, last)| is_same(*last) && text.ends_with(|last: char| last.is_ascii_digit())) {
                parts.push((" or ".into(), Level::Line));
            }
            expected.extend((level == Level::Fraction).then(|| "1".to_owned()));
            expected.push(number.to_string());
            parts.push((number.to_string(), level));
            if !after.is_empty() {
                parts.push((after.into(), Level::Line));
            }
        }
        parts.push((" in all.".into(), Level::Line));
        let write = |write: &dyn Fn(&str, Level) -> String| parts.iter().map(|(text, level)| write(text, *level)).collect::<String>();
        let html = write(&|text, level| match level {
            Level::Line => text.to_owned(),
            Level::Raised => format!("<sup>{text}</sup>"),
            Level::Lowered => format!("<sub>{text}</sub>"),
            Level::Fraction => format!("<math><mfrac><mn>1</mn><mn>{text}</mn></mfrac></math>"),
        });
        let wiki = write(&|text, level| match level {
            Level::Line => text.to_owned(),
            Level::Raised => format!("&lt;sup>{text}&lt;/sup>"),
            Level::Lowered => format!("&lt;sub>{text}&lt;/sub>"),
            Level::Fraction => format!("{{{{frac|1|{text}}}}}"),
        });
        let docx = write(&|text, level| match level {
            Level::Line => run(text, "baseline"),
            Level::Raised => run(text, "superscript"),
            Level::Lowered => run(text, "subscript"),
            Level::Fraction => format!(
                "<m:oMath><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>{text}</m:t></m:r></m:den></m:f></m:oMath>"
            ),
        });
        let pdf = write(&|text, level| {
            let (size, rise) = match level {
                Level::Line => (12, 0),
                Level::Fraction => return format!("/F1 8 Tf 5 Ts (1) Tj /F1 12 Tf 0 Ts (/) Tj /F1 8 Tf -2 Ts ({text}) Tj "),
                Level::Raised => (8, 5),
                Level::Lowered => (8, -2),
            };
            format!("/F1 {size} Tf {rise} Ts ({}) Tj ", text.replace(')', "\\)"))
        });
        let wiki = format!("<mediawiki><page><title>t</title><ns>0</ns><revision><text>{wiki}</text></revision></page></mediawiki>");
        let members = [("META-INF/container.xml", CONTAINER), ("OEBPS/a.xhtml", &*chapter(&html))];
        for (name, content) in [
            ("a.html", chapter(&html).into_bytes()),
            ("a.xml", wiki.into_bytes()),
            ("a.epub", archive(&members)),
            ("a.docx", word(&format!("<w:p>{docx}</w:p>"), "<w:footnotes/>")),
            ("a.pdf", papers::pages_of(&[&format!("BT 10 700 Td {pdf} ET")], true)),
        ] {
            let text = prose_of(name, content);
            prop_assert_eq!(groups(&text), &expected[..], "{}: {}", name, text);
        }
    }
}
