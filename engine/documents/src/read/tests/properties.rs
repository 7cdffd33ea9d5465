//! Every reader terminates without panic for any bytes.

use super::*;
use proptest::prelude::*;

/// A small valid file of every format.
pub(super) fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let lines = "{\"text\": \"one \\u00e9\", \"id\": [1, {\"a\": null}]}\n{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}\n";
    let table = "id,text\n1,\"a, \"\"b\"\"\nc\"\n2,d\n";
    vec![
        ("a.txt", b"One line.\n<|endoftext|>\nTwo\r\n<|endoftext|>\r\n".to_vec()),
        ("a.md", b"---\ntitle: \"T\"\ndate: 2024-01-01\n---\n# Text\n".to_vec()),
        ("a.html", "<!doctype html><meta charset=utf-8><p>Gr\u{fc}n".as_bytes().to_vec()),
        ("a.json", format!("[{}]", lines.trim().replace('\n', ",")).into_bytes()),
        ("b.json", b"{\"text\": [\"a\", \"b\"], \"n\": [1, 2]}".to_vec()),
        ("a.jsonl", lines.as_bytes().to_vec()),
        ("a.csv", table.as_bytes().to_vec()),
        ("a.tsv", table.replace(',', "\t").into_bytes()),
        ("a.rs", b"// SPDX-License-Identifier: MIT\nfn main() {}\n".to_vec()),
        ("a.jsonl.gz", gzip(lines)),
        ("a.csv.zst", zstandard(table)),
        ("a.txt.bz2", bzip2("text\n")),
        ("a.warc", crawls::response("HTTP/1.1 200 OK\nContent-Type: text/html\n\n", b"<p>x")),
        (
            "a.warc.gz",
            gzip(crawls::response(
                "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Encoding: gzip\nTransfer-Encoding: chunked\n\n",
                &[b"1b\r\n", gzip("<p>x").as_slice(), b"\r\n0\r\n"].concat(),
            )),
        ),
        ("w.xml", dumps::small_wiki().into_bytes()),
        ("t.parquet", columns::text_groups(1)),
        ("Posts.xml", dumps::small_posts().into_bytes()),
        ("a.zip", formats::archive(&[("a.txt", "One."), ("b/c.jsonl", lines)])),
        (
            "a.docx",
            formats::archive(&[(
                "word/document.xml",
                "<w:document><w:p><w:r><w:t>a</w:t></w:r></w:p></w:document>",
            )]),
        ),
        (
            "a.epub",
            formats::archive(&[
                ("META-INF/container.xml", "<container><rootfile full-path='a/b.opf'/></container>"),
                ("a/b.opf", "<package><item id='c' href='./c.xhtml'/><itemref idref='c'/></package>"),
                ("a/c.xhtml", "<html><p>One.</p></html>"),
            ]),
        ),
    ]
}

/// Reads a file whose name and bytes may not match.
fn survive(name: &str, content: &[u8]) {
    let memory = Memory::default().with(name, content);
    read_all(&memory, &Settings::default());
    read_all(&memory, &small());
}

#[test]
fn every_beginning_of_a_good_file_is_survived() {
    for (name, content) in samples() {
        let (documents, troubles) = all(name, &content);
        assert!(!documents.is_empty() && troubles.is_empty(), "{name}: {troubles:?}");
        let step = content.len() / 2000 + 1;
        for length in (0..content.len()).step_by(step) {
            survive(name, &content[..length]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_survived_in_every_format(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (name, _) in samples() {
            survive(name, &bytes);
        }
    }

    #[test]
    fn any_change_to_a_good_file_is_survived(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)
    ) {
        for (name, mut content) in samples() {
            for (place, byte) in &changes {
                let place = place.index(content.len());
                content[place] = *byte;
            }
            survive(name, &content);
        }
    }

    #[test]
    fn marks_of_all_formats_in_any_order_are_survived(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "{", "}", "[", "]", "\"", "\\", ",", ":", "\n", "\r\n", "text", "\"text\"", "1", "<|endoftext|>", "---\n", "é",
                "\t", ";", " ", "<html>", "<meta charset=", "null", "+++\n", "=", "a",
                "<mediawiki>", "<page>", "</page>", "<posts>", "<row ", "/>", "<text>", "</text>", "<ns>0</ns>", "&lt;", "&x;", "<", "WARC/1.0",
                "Content-Length: 9", "WARC-Type: response", "HTTP/1.1 200 OK",
            ]),
            0..60,
        )
    ) {
        let content = parts.concat();
        for (name, _) in samples() {
            survive(name, content.as_bytes());
        }
    }

    #[test]
    fn json_values_are_cut_where_they_end(texts in proptest::collection::vec("[a\\[\\]{}\",\\\\]{1,9}", 1..9), array: bool) {
        let records: Vec<String> =
            texts.iter().map(|text| serde_json::json!({"text": format!("x{text}")}).to_string()).collect();
        let content = if array { format!("[{}]", records.join(" , ")) } else { records.join("\n") };
        let read: Vec<String> = super::read("a.json", content).into_iter().map(|document| document.text).collect();
        let texts: Vec<String> = texts.iter().map(|text| format!("x{text}")).collect();
        prop_assert_eq!(read, texts);
    }

    #[test]
    fn tables_come_back_as_they_were_written(
        texts in proptest::collection::vec("[a,\"\n;\t ]{0,9}[a-z]", 1..9), delimiter in proptest::sample::select(b",;\t|".to_vec())
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["text", "number"]).unwrap();
        for text in &texts {
            writer.write_record([text.as_str(), "1"]).unwrap();
        }
        let content = writer.into_inner().unwrap();
        let read: Vec<String> = super::read("a.csv", content).into_iter().map(|document| document.text).collect();
        prop_assert_eq!(read, texts);
    }
}
