//! The data bench on the command line: from a folder of many formats to a corpus, a report, and a model trained on it.

use crate::support::program::{fail, last, lines, lines_of, of, sets, succeed};
use serde_json::Value;
use std::path::Path;

/// Stories of the embedded corpus.
fn stories() -> Vec<String> {
    let stories = glasshouse_engine::data::stories::up_to(40_000, 1);
    stories.map(|story| story.trim().to_owned()).filter(|story| story.len() > 200).collect()
}

/// A PDF of one page with these lines.
fn pdf(lines: &[&str]) -> Vec<u8> {
    let mut content = String::from("BT /F1 11 Tf 50 780 Td 14 TL\n");
    for line in lines {
        content +=
            &format!("({}) Tj T*\n", line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)"));
    }
    content += "ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let (mut file, mut offsets) = (String::from("%PDF-1.4\n"), Vec::new());
    for (number, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file += &format!("{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let start = file.len();
    file += &format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        file += &format!("{offset:010} 00000 n \n");
    }
    file += &format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    file.into_bytes()
}

fn warc(pages: &[(&str, String)]) -> Vec<u8> {
    let mut file = Vec::new();
    for (address, html) in pages {
        let body = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}");
        file.extend_from_slice(
            format!(
                "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {address}\r\nWARC-Date: 2024-05-01T00:00:00Z\r\n\
                 WARC-Record-ID: <urn:uuid:{:08}-0000-0000-0000-000000000000>\r\n\
                 Content-Type: application/http; msgtype=response\r\nContent-Length: {}\r\n\r\n{body}\r\n\r\n",
                file.len(),
                body.len()
            )
            .as_bytes(),
        );
    }
    file
}

fn page(title: &str, paragraphs: &[String]) -> String {
    let body: String = paragraphs.iter().map(|text| format!("<p>{text}</p>")).collect();
    format!(
        "<!doctype html><html lang=en><head><title>{title}</title><script>track()</script></head><body>\
         <nav><ul><li><a href=/>Start</a><li><a href=/shop>Shop</a></ul></nav><main><article><h1>{title}</h1>{body}</article></main>\
         <footer>Imprint and cookies</footer></body></html>"
    )
}

/// Writes a folder of web pages, a table, a PDF and a crawl.
fn gather(folder: &Path) {
    let tales = stories();
    assert!(tales.len() >= 30, "{}", tales.len());
    let own = folder.join("mine");
    std::fs::create_dir_all(own.join("pages")).unwrap();
    for (number, pair) in tales[..20].chunks(2).enumerate() {
        std::fs::write(own.join(format!("pages/{number}.html")), page("A tale", pair)).unwrap();
    }
    // A duplicate page, and a person's address.
    std::fs::copy(own.join("pages/0.html"), own.join("pages/copy.html")).unwrap();
    let with_address =
        vec![tales[20].clone(), format!("{} Write to mia.stone@example-mail.org about it.", tales[21])];
    std::fs::write(own.join("pages/person.html"), page("A letter", &with_address)).unwrap();
    let rows: String = tales[22..26]
        .iter()
        .map(|tale| format!("\"{}\",CC0-1.0\n", tale.replace('"', "\"\"").replace('\n', " ")))
        .collect();
    std::fs::write(own.join("table.csv"), format!("text,licence\n{rows}")).unwrap();
    let words: Vec<&str> = tales[26].split_whitespace().collect();
    let lines: Vec<String> = words.chunks(12).map(|line| line.join(" ")).collect();
    std::fs::write(own.join("paper.pdf"), pdf(&lines.iter().map(String::as_str).collect::<Vec<_>>()))
        .unwrap();
    let crawl = warc(&[
        ("https://example.org/a", page("Found", &tales[27..29])),
        ("https://example.org/b", page("Found too", &tales[29..30])),
    ]);
    std::fs::write(own.join("crawl.warc"), crawl).unwrap();
    std::fs::write(own.join("photo.xyz"), [0_u8, 1, 2, 255]).unwrap();
}

#[test]
fn a_folder_of_many_formats_becomes_a_corpus_and_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    gather(folder);
    let said = succeed(folder, &["data", "clean", "--in", "mine", "--out", "clean"]);
    assert!(said.contains("glasshouse train --data clean"), "{said}");
    let kept = lines_of(&folder.join("clean/kept.jsonl"));
    let has = |id: &str| kept.iter().any(|line| line["id"].as_str().unwrap().starts_with(id));
    for id in ["pages/1.html", "pages/person.html", "table.csv#1", "paper.pdf", "crawl.warc#1"] {
        assert!(
            has(id),
            "{id} is not among {:?}",
            kept.iter().map(|line| line["id"].to_string()).collect::<Vec<_>>()
        );
    }
    assert!(kept.iter().all(|line| !line["text"].as_str().unwrap().contains("Shop")));
    let dropped = lines_of(&folder.join("clean/dropped.jsonl"));
    let copy = dropped.iter().find(|line| line["rule"] == "exact-duplicates").expect("the copy goes");
    assert!(copy["reason"].as_str().unwrap().contains("pages/"), "{copy}");
    for name in ["kept.jsonl", "dropped.jsonl", "report.json", "report.html"] {
        let text = std::fs::read_to_string(folder.join("clean").join(name)).unwrap();
        assert!(!text.contains("mia.stone"), "{name} holds the address");
    }
    let csv = kept.iter().find(|line| line["id"] == "table.csv#1").unwrap();
    assert_eq!(csv["licence"], "CC0-1.0");

    let shown = succeed(folder, &["data", "inspect", "clean"]);
    assert!(shown.contains("photo.xyz") && shown.to_lowercase().contains("exact"), "{shown}");
    let report: Value =
        serde_json::from_str(&succeed(folder, &["data", "inspect", "clean", "--json"])).unwrap();
    assert_eq!(report["kept"]["documents"], kept.len());

    // Cleaning the same folder again writes the same bytes.
    succeed(folder, &["data", "clean", "--in", "mine", "--out", "again", "--json"]);
    for name in ["kept.jsonl", "dropped.jsonl", "report.json", "report.html", "recipe.toml", "corpus.json"] {
        let read = |out: &str| std::fs::read(folder.join(out).join(name)).unwrap();
        assert!(read("clean") == read("again"), "{name} differs");
    }

    let train =
        ["train", "--data", "clean", "--project", "tale", "--device", "cpu", "--preset", "nanogpt-cpu"];
    let short = ["model.context_length=16", "train.eval_interval=15", "train.sample_interval=0"];
    let told = succeed(folder, &[&train[..], &["--steps", "30", "--json"], &sets(&short)[..]].concat());
    let losses: Vec<f64> =
        of(&lines(&told), "eval").iter().map(|event| event["val_loss"].as_f64().unwrap()).collect();
    assert!(losses.len() >= 2 && losses.last() < losses.first(), "{losses:?}");
}

#[test]
fn recipes_are_files_and_every_document_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    gather(folder);
    let toml = succeed(folder, &["data", "recipe", "light"]);
    std::fs::write(folder.join("mine.toml"), format!("{toml}\n")).unwrap();
    succeed(folder, &["data", "clean", "--in", "mine", "--out", "clean", "--recipe", "mine.toml", "--json"]);
    let told =
        succeed(folder, &["data", "explain", "pages/person.html", "--in", "mine", "--recipe", "fineweb"]);
    assert!(told.contains("gopher-quality") && !told.contains("mia.stone"), "{told}");
    let script = succeed(folder, &["data", "script", "--recipe", "fineweb"]);
    assert!(
        script.contains("GopherRepetitionFilter(") && script.contains("MinhashConfig(n_grams=5"),
        "{script}"
    );
    let listed = succeed(folder, &["data", "catalogue", "--json"]);
    let named = |line: &str| serde_json::from_str::<Value>(line).unwrap()["name"] == "tiny-shakespeare";
    assert!(listed.lines().any(named), "{listed}");

    let clean = |more: &[&str], code, parts: &[&str]| {
        fail(folder, &[&["data", "clean", "--in"][..], more].concat(), code, parts);
    };
    clean(&["mine", "--out", "clean2", "--recipe", "finweb"], 2, &["`fineweb`"]);
    clean(&["nowhere", "--out", "clean2"], 1, &["nothing to read"]);
    clean(&["mine", "nowhere.pdf", "--out", "clean2"], 1, &["nowhere.pdf"]);
    assert!(!folder.join("clean2").exists(), "nothing is made where something that was named is missing");
    clean(&["mine", "--out", "mine"], 1, &["output folder"]);
    std::fs::create_dir(folder.join("letters")).unwrap();
    std::fs::write(folder.join("letters/to-mia.txt"), "Dear Mia").unwrap();
    clean(&["mine", "--out", "letters"], 1, &["--force"]);
    clean(&["mine", "--out", "clean", "--recipe", "gopher"], 1, &["another recipe", "--force"]);
    clean(&["mine/pages", "--out", "clean", "--recipe", "mine.toml"], 1, &["of other files"]);
    // Cleaning again, and with another recipe on request, is allowed.
    succeed(folder, &["data", "clean", "--in", "mine", "--out", "clean", "--recipe", "mine.toml", "--json"]);
    succeed(folder, &["data", "clean", "--in", "mine", "--out", "clean", "--recipe", "gopher", "--force"]);
    fail(folder, &["data", "inspect", "mine"], 1, &["`glasshouse data clean`"]);
    fail(folder, &["data", "explain", "nothing.txt", "--in", "mine"], 1, &["no document"]);
}

#[test]
fn the_field_of_text_is_named_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let records = "{\"data\": {\"body\": \"What stands inside.\", \"page\": 3}, \"n\": 1}\n{\"data\": {\"page\": 4}, \"n\": 2}\n";
    std::fs::write(folder.join("records.jsonl"), records).unwrap();
    let clean = ["data", "clean", "--in", "records.jsonl", "--out", "clean", "--recipe", "raw", "--json"];
    let said = succeed(folder, &[&clean[..], &["--text-field", "data.body"]].concat());
    let done = last(&said);
    assert_eq!((&done["documents"], &done["troubles"]), (&1.into(), &1.into()), "{done}");
    let kept = lines_of(&folder.join("clean/kept.jsonl"));
    assert_eq!(kept[0]["text"], "What stands inside.");
    assert_eq!(kept[0]["record"]["data"]["page"], 3);
    // `explain` needs the same text field, or that cleaning's recipe.
    let id = kept[0]["id"].as_str().unwrap();
    let explain = ["data", "explain", id, "--in", "records.jsonl"];
    fail(folder, &explain, 1, &["no document"]);
    for reading in [["--text-field", "data.body"], ["--recipe", "clean/recipe.toml"]] {
        let told = succeed(folder, &[&explain[..], &reading].concat());
        assert!(told.contains("What stands inside."), "{told}");
    }
}

#[test]
fn what_cleaning_bought_is_printed_for_each_rule() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let stories = stories();
    let all =
        stories.iter().chain(&stories[..15]).map(|tale| serde_json::json!({ "text": tale }).to_string());
    std::fs::write(folder.join("raw.jsonl"), all.map(|line| line + "\n").collect::<String>()).unwrap();
    let small = sets(&["model.context_length=16", "model.layers=1"]);
    let ablate = ["ablate", "--recipe", "light", "--data", "raw.jsonl", "--device", "cpu", "--steps", "6"];
    let ablate =
        [&ablate[..], &["--only", "length,raw", "--tokenizer", "byte", "--json"], &small[..]].concat();
    let ablation = last(&succeed(folder, &ablate))["ablation"].clone();
    let bought: Vec<(&str, Option<u64>)> = ablation["effects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|effect| (effect["version"]["name"].as_str().unwrap(), effect["bought"]["count"].as_u64()))
        .collect();
    // Three seeds are the default.
    assert_eq!(bought, [("length", None), ("raw", Some(3))]);
    // Nothing is trained again, and a misspelt recipe is a usage error.
    assert_eq!(last(&succeed(folder, &ablate))["ablation"], ablation);
    fail(folder, &["ablate", "--recipe", "finweb", "--data", "raw.jsonl"], 2, &["fineweb"]);
}
