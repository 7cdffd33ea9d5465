//! WARC files with server responses.

use super::*;
use crate::document::Kind;

fn record(kind: &str, headers: &str, content: &[u8]) -> Vec<u8> {
    let mut record =
        format!("WARC/1.0\r\nWARC-Type: {kind}\r\n{headers}Content-Length: {}\r\n\r\n", content.len())
            .into_bytes();
    record.extend_from_slice(content);
    record.extend_from_slice(b"\r\n\r\n");
    record
}

pub(super) fn response(http: &str, body: &[u8]) -> Vec<u8> {
    let mut content = http.replace('\n', "\r\n").into_bytes();
    content.extend_from_slice(body);
    let headers = "WARC-Target-URI: <https://example.org/a>\r\nWARC-Date: 2024-02-03T04:05:06Z\r\n\
                   Content-Type: application/http; msgtype=response\r\n";
    record("response", headers, &content)
}

const OK: &str = "HTTP/1.1 200 OK\nContent-Type: text/html; charset=\"windows-1252\"\n";

#[test]
fn pages_come_out_of_responses() {
    let mut warc = record("warcinfo", "", b"software: test\r\n");
    warc.extend(response(&format!("{OK}\n"), b"<p>caf\xe9"));
    warc.extend(record("request", "", b"GET / HTTP/1.1\r\n\r\n"));
    warc.extend(response(&format!("{OK}Transfer-Encoding: chunked\nContent-Encoding: gzip\n\n"), &{
        let packed = gzip("<p>packed");
        let (first, second) = packed.split_at(7);
        [b"7;x=y\r\n", first, b"\r\n", format!("{:x}\r\n", second.len()).as_bytes(), second, b"\r\n0\r\n\r\n"]
            .concat()
    }));
    warc.extend(response("HTTP/1.1 404 Not Found\nContent-Type: text/html\n\n", b"<p>gone"));
    warc.extend(response("HTTP/1.1 200 OK\nContent-Type: image/png\n\n", b"\x89PNG"));
    // Joined and unpacked by the crawler, which kept the headers.
    warc.extend(response(
        "HTTP/1.1 200\nContent-Type: text/plain\nTransfer-Encoding: chunked\nContent-Encoding: gzip\n\n",
        b"plain",
    ));
    let headers = "WARC-Target-URI: http://e.org\r\nWARC-Identified-Content-Language: deu\r\n";
    warc.extend(record("conversion", headers, "Grüße".as_bytes()));
    warc.extend(record("resource", "Content-Type: text/html\r\n", b"<p>kept"));
    for (name, content) in [("a.warc", warc.clone()), ("a.warc.gz", gzip(&warc))] {
        let documents = read(name, content);
        let seen: Vec<(String, Kind, &str)> = documents
            .iter()
            .map(|document| (document.id.replace(name, ""), document.kind.clone(), document.text.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("#2".into(), Kind::Html, "<p>café"),
                ("#4".into(), Kind::Html, "<p>packed"),
                ("#7".into(), Kind::Plain, "plain"),
                ("#8".into(), Kind::Plain, "Grüße"),
                ("#9".into(), Kind::Html, "<p>kept"),
            ]
        );
        assert_eq!(documents[0].address.as_deref(), Some("https://example.org/a"));
        assert_eq!(documents[0].date.as_deref(), Some("2024-02-03"));
        assert_eq!(documents[0].source, "a");
        assert_eq!(documents[3].language.as_deref(), Some("deu"));
    }
}

#[test]
fn members_packed_one_by_one_are_one_file() {
    let mut packed = gzip(response(&format!("{OK}\n"), b"<p>a"));
    packed.extend(gzip(response(&format!("{OK}\n"), b"<p>b")));
    assert_eq!(read("CC.warc.wet.gz", &packed).len(), 2);
    assert_eq!(read("CC.warc.wet.gz", packed)[1].source, "CC");
}

#[test]
fn a_damaged_member_costs_its_record_only() {
    let page = |name: &str| {
        response(&format!("{OK}\n"), format!("<p>page {name} {}", "of many words ".repeat(40)).as_bytes())
    };
    for damage in ["data", "checksum", "header"] {
        let members = ["a", "b", "c"].map(|name| gzip(page(name)));
        let mut packed = members.concat();
        let at = members[0].len()
            + match damage {
                "data" => 60,
                "checksum" => members[1].len() - 6,
                _ => 2,
            };
        packed[at] ^= 0xff;
        let (troubles, texts) = wrong("a.warc.gz", packed, &Settings::default());
        let found: Vec<&str> = texts.iter().filter_map(|text| text.split(' ').nth(1)).collect();
        assert!(found.starts_with(&["a"]) && found.ends_with(&["c"]), "{damage}: {found:?} {troubles:?}");
        assert!(troubles.iter().any(|trouble| trouble.contains("damaged bytes")), "{damage}: {troubles:?}");
    }
    let mut packed = [gzip(page("a")), gzip(page("b"))].concat();
    packed[30..50].fill(0xff);
    let texts = says("a.warc.gz", packed, &Settings::default(), "damaged bytes");
    assert!(texts.last().is_some_and(|text| text.starts_with("<p>page b")), "{texts:?}");
    // A member that was cut short, or whose record states too large a length, costs only itself; also next to another one, and at
    // the start and the end.
    for (first, second) in (0..4).flat_map(|first| (0..4).map(move |second| (first, second))) {
        let mut cut = ["a", "b", "c", "d"].map(|name| gzip(page(name)));
        let mut lying = cut.clone();
        for bad in [first, second] {
            cut[bad].truncate(100);
            let name = ["a", "b", "c", "d"][bad];
            let page = String::from_utf8(page(name)).unwrap();
            lying[bad] = gzip(page.replace("Content-Length: ", "Content-Length: 9"));
        }
        let mut expected = "abcd".to_owned();
        expected.retain(|name| ![first, second].contains(&"abcd".find(name).unwrap()));
        for (kind, members) in [("cut", cut), ("lying", lying)] {
            let (troubles, texts) = wrong("a.warc.gz", members.concat(), &Settings::default());
            let found: String = texts.iter().filter_map(|text| text.split(' ').nth(1)).collect();
            assert_eq!(found, expected, "{kind} {first} {second}: {troubles:?}");
        }
    }
    // Other formats end there, as with `gzip -d`: their records may span members.
    let mut packed = ["a", "b", "c"].map(|name| gzip(format!("{{\"text\": \"{name}\"}}\n"))).concat();
    let second = packed.len() / 3;
    packed[second] = 0;
    assert_eq!(says("a.jsonl.gz", packed, &Settings::default(), "what was read so far is kept"), ["a"]);
}

#[test]
fn the_window_of_a_response_is_limited() {
    let frame = |window: u8| [&[0x28, 0xb5, 0x2f, 0xfd, 0, window, 0x21, 0, 0][..], b"<p>x"].concat();
    let warc = |window: u8| response(&format!("{OK}Content-Encoding: zstd\n\n"), &frame(window));
    assert_eq!(read("a.warc", warc(13 << 3)).remove(0).text, "<p>x");
    says("a.warc", warc(21 << 3), &Settings::default(), "cannot be unpacked from zstd");
}

#[test]
fn broken_records_are_named_and_the_next_one_is_found() {
    let good = response(&format!("{OK}\n"), b"<p>good");
    let lying = String::from_utf8(good.clone()).unwrap();
    let length = lying.split("Content-Length: ").nth(1).unwrap().split('\r').next().unwrap().to_owned();
    let too_short = lying.replace(&format!("Length: {length}"), "Length: 5");
    let too_long = lying.replace(&format!("Length: {length}"), "Length: 99999999999999");
    let without = lying.replace("Content-Length", "Content-Size");
    let no_http = record("response", "Content-Type: application/http\r\n", b"nothing");
    let bomb = response(&format!("{OK}Content-Encoding: gzip\n\n"), &gzip(vec![b'a'; 100_000]));
    let brotli = response(&format!("{OK}Content-Encoding: br\n\n"), b"x");
    let broken = response(&format!("{OK}Content-Encoding: gzip\n\n"), b"\x1f\x8b\xff\xff\xff");
    let cases: [(&[u8], &str); 8] = [
        (b"garbage\r\nand more\r\n", "#0: has bytes after this record"),
        (too_short.as_bytes(), "an HTTP header without an end"),
        (without.as_bytes(), "does not state its length"),
        (&no_http, "an HTTP header without an end"),
        (&bomb, "unpacks to more than 4 KiB"),
        (&brotli, "packed with Brotli"),
        (&broken, "cannot be unpacked from gzip"),
        (too_long.as_bytes(), "states a length of 99999999999999 bytes, but the file ends after"),
    ];
    for (bad, reason) in cases {
        let warc = [b"\r\n", bad, &good].concat();
        let (troubles, texts) = wrong("a.warc.gz", gzip(warc), &small());
        let expected = if bad == too_long.as_bytes() { 0 } else { 1 };
        assert_eq!(texts.len(), expected, "{reason}: {troubles:?}");
        assert!(troubles.iter().any(|trouble| trouble.contains(reason)), "{reason}: {troubles:?}");
        assert!(troubles.len() <= 2, "{troubles:?}");
    }
    let mut settings = small();
    settings.limits.record = 1 << 10;
    let large = response(&format!("{OK}\n"), &[b'a'; 2000]);
    let (troubles, texts) = wrong("a.warc", [large, good].concat(), &settings);
    assert_eq!((texts.len(), troubles.len()), (1, 1));
    assert!(troubles[0].contains("a.warc#1: the record is longer than 1 KiB"), "{troubles:?}");
}

#[test]
fn a_body_that_begins_with_a_number_is_in_chunks_only_where_its_chunks_are() {
    let text = |body: &[u8]| {
        let head = "HTTP/1.1 200 OK\nContent-Type: text/plain\nTransfer-Encoding: chunked\n\n";
        read("a.warc", response(head, body)).remove(0).text
    };
    for body in [
        "1984\nIt was the year.\n",
        "5\nlines of it\nand more",
        "3 pigs\nwent out",
        "a\n0123456789 and more",
        "5",
    ] {
        assert_eq!(text(body.as_bytes()), body);
    }
    assert_eq!(text(b"4\r\n1984\r\n5;x=y\r\n word\r\n0\r\n\r\n"), "1984 word");
    // Truncated by the crawler: inside a chunk, after one, and inside its size.
    for body in ["4\r\n1984\r\n50\r\n wo", "4\r\n1984\r\n3\r\n wo", "4\r\n1984\r\n3\r\n wo\r\n1f"] {
        assert_eq!(text(body.as_bytes()), "1984 wo", "{body}");
    }
}
