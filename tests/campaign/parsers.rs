//! Every reader of files and messages with mutated input. No reader panics, and time and memory are bounded by the input's size.

use super::interposed::processor_seconds;
use super::memory::{Used, measure};
use super::mutation::mutate;
use super::project::{self, Sample};
use super::{Campaign, survive};
use glasshouse_conversation::{ChatTemplate, Conversation, RowWithNotes, SpecialTokens};
use glasshouse_corpus::recipe::Recipe;
use glasshouse_documents::files::{FileType, Files, Input};
use glasshouse_documents::{extract, read};
use glasshouse_engine::evaluation::tasks::TaskFile;
use glasshouse_engine::formats::{Found, gguf::Gguf};
use glasshouse_engine::project::{archive, metrics};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_protocol::{CHATML, Objective, Report, Request, RunConfig, Sweep};
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bounds of a reader: bytes held at most, and bytes allocated in all, each for a file and per byte of it; and seconds.
const HELD: (usize, usize) = (48 << 20, 200);
const ALLOCATED: (usize, usize) = (1 << 30, 20_000);
const SECONDS: f64 = 10.0;

type Read = dyn Fn(&[u8]);

struct Reader {
    name: String,
    seeds: Vec<Vec<u8>>,
    read: Box<Read>,
}

impl Reader {
    fn new(name: &str, seeds: Vec<Vec<u8>>, read: impl Fn(&[u8]) + 'static) -> Self {
        Self { name: name.to_owned(), seeds, read: Box::new(read) }
    }

    /// Of text; bytes that are not UTF-8 are replaced.
    fn text(name: &str, seeds: &[&str], read: impl Fn(&str) + 'static) -> Self {
        let seeds = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
        Self::new(name, seeds, move |bytes| read(&String::from_utf8_lossy(bytes)))
    }
}

/// One document in memory.
struct Lone<'path>(&'path Path, Arc<[u8]>);

impl Files for Lone<'_> {
    fn file_type(&self, path: &Path) -> std::io::Result<FileType> {
        if path == self.0 {
            Ok(FileType::File(self.1.len() as u64))
        } else {
            Err(std::io::ErrorKind::NotFound.into())
        }
    }

    fn entries(&self, _: &Path) -> std::io::Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    fn open(&self, _: &Path) -> std::io::Result<Box<dyn Input>> {
        Ok(Box::new(Cursor::new(self.1.clone())))
    }
}

/// A document's prose, with limits small enough for the bound on memory to say something.
fn read_document(name: &str, bytes: &[u8]) {
    let limits = read::Limits {
        document: 1 << 20,
        record: 1 << 20,
        expansion_free: 4 << 20,
        ..read::Limits::default()
    };
    let settings = read::Settings { limits, ..read::Settings::default() };
    let path = PathBuf::from(name);
    let files = Lone(&path, bytes.into());
    for source in &read::find(&files, std::slice::from_ref(&path), &settings).sources {
        let progress = Arc::default();
        read::prose(&files, source, &settings, &extract::Settings::default(), &progress).for_each(drop);
    }
}

/// A text with the part from `from` to the last `to` repeated.
fn repeated(text: &str, from: &str, to: &str, count: usize) -> String {
    let (start, end) = (text.find(from).unwrap(), text.rfind(to).unwrap());
    [&text[..start], &text[start..end].repeat(count), &text[end..]].concat()
}

fn zipped<Name: AsRef<str>>(members: &[(Name, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        archive.start_file(name.as_ref(), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn parquet(count: usize) -> Vec<u8> {
    use parquet::data_type::{ByteArray, ByteArrayType};
    let schema =
        parquet::schema::parser::parse_message_type("message m { required binary text (UTF8); }").unwrap();
    let mut writer =
        parquet::file::writer::SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default())
            .unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let texts: Vec<ByteArray> =
        ["An owl.", "Two owls.", "An owl."].repeat(count).into_iter().map(ByteArray::from).collect();
    column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn pdf(pages: usize) -> Vec<u8> {
    let content = "BT /F1 12 Tf 72 700 Td (The owl sat in the oak.) Tj 0 -14 Td [(It) -250 (sang.)] TJ ET";
    let kids: String = (0..pages).map(|page| format!("{} 0 R ", page + 6)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {pages} >>"),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 5 0 R >>"
            .to_owned(),
        "<< /Length 60 >>\nstream\nbegincmap 1 beginbfchar <41> <0042> endbfchar endcmap     \nendstream"
            .to_owned(),
    ];
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 3 0 R /Resources << /Font << /F1 4 0 R >> >> >>";
    objects.extend((0..pages).map(|_| page.to_owned()));
    let objects: String =
        objects.iter().enumerate().map(|(at, text)| format!("{} 0 obj\n{text}\nendobj\n", at + 1)).collect();
    format!("%PDF-1.7\n{objects}trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n").into_bytes()
}

const HTML: &str = "<!doctype html><html lang=en><head><title>Owls</title><meta charset=utf-8></head><body><nav><a href=/a>Home</a></nav><main>\
    <h1>Owls &amp; oaks</h1><p>The <b>owl</b> sat in the oak and sang for the <a href='x'>whole</a> night, until the fox came by.</p><table><tr>\
    <th>a<td colspan=2>b</table><ul><li>one<li>two</ul><pre>code\n  here</pre><p>x<sup>2</sup> and H<sub>2</sub>O</p></main></body></html>";
const WIKI: &str = "<mediawiki xml:lang=\"en\"><siteinfo><base>https://en.wikipedia.org/wiki/Main</base></siteinfo><page><title>Owl</title><ns>0</ns>\
    <id>7</id><revision><id>9</id><timestamp>2023-04-05T06:07:08Z</timestamp><model>wikitext</model><text xml:space=\"preserve\">'''Owls''' are \
    [[bird]]s.&lt;ref name=\"a\"&gt;x&lt;/ref&gt; {{cite|a=1|{{b}}}} {| class=x\n! h\n|-\n| a || b\n|}\n== Songs ==\n* one\n# two [https://a.b c]\
    &lt;math&gt;x^2&lt;/math&gt; [[File:a.png|thumb|An [[owl]]]]</text></revision></page></mediawiki>";
const POSTS: &str = "<?xml version=\"1.0\"?>\n<posts>\n <row Id=\"4\" PostTypeId=\"1\" CreationDate=\"2008-07-31T21:42:52.667\" Score=\"3\" \
    Body=\"&lt;p&gt;How?&#xA;&lt;/p&gt;\" Title=\"A &quot;title&quot;\" Tags=\"&lt;c#&gt;\" />\n</posts>\n";
const WORD: &str = "<w:document xmlns:w='w' xmlns:m='m'><w:body><w:p><w:pPr><w:pStyle w:val='Heading2'/></w:pPr><w:r><w:t>Owls</w:t></w:r></w:p>\
    <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p><w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr><w:t>2\
    </w:t></w:r><m:oMath><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>3</m:t></m:r></m:den></m:f></m:oMath></w:p></w:body></w:document>";
const TASK: &str = "task: owls\ndescription: \"About {{ subject }}.\\n\"\ndoc_to_text: \"Question: {{ question.strip() }}\\nAnswer:\"\ndoc_to_choice: \
    \"{{ choices | map('trim') | list }}\"\ndoc_to_target: answer\nmetadata: { title: Owls, names: [owls], row: { group: \"{{ subject }}\" } }\n";
const ROWS: &str = "{\"question\": \"Who sang?\", \"choices\": [\"owl\", \" fox \"], \"answer\": 0, \"subject\": \"birds\"}\n";
const SWEEP: &str = "name = \"rates\"\nruns = 4\nseed = 3\n[stop]\nrule = \"halving\"\nrungs = [10, 20]\nfactor = 2\n[settings]\n\
    train.learning_rate = { from = 1e-4, to = 1e-2, log = true, count = 3 }\nmodel.layers = [1, 2]\n";
const LADDER: &str = "name = \"sizes\"\n[ladder]\nsizes = 4\n";
const TEMPLATE: &str = "{%- for message in messages -%}{{ '<|' + message['role'] + '|>' }}{% if loop.first and tools %}{{ tools | tojson(indent=2) }}\
    {% endif %}{% generation %}{{ message.content | trim }}{% endgeneration %}{%- endfor -%}{% set ns = namespace(n=0) %}{% for i in range(9) %}\
    {% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{% macro f(x) %}{{ x[1:3] ~ x.split(' ')[0] }}{% endmacro %}{{ f('an owl') }}";
const CHAT_ROWS: [&str; 4] = [
    r#"{"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "An owl."}]}"#,
    r#"{"prompt": [{"role": "user", "content": "Who?"}], "chosen": [{"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]}"#,
    r#"{"instruction": "Say it.", "input": "it", "output": "It."}"#,
    r#"{"prompt": "Who?", "completion": " An owl.", "label": true}"#,
];

/// A document of each format, with its content repeated.
fn documents(count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let rows = [CHAT_ROWS[0], "{\"text\": \"one \\u00e9\", \"id\": [1, {\"a\": null}]}"].repeat(count);
    let lines = rows.join("\n");
    let table = "id,text\n1,\"a, \"\"b\"\"\nc\"\n2,An owl that sang\n";
    let markdown = "---\ntitle: \"T\"\n---\n# Text\n\n* one\n* two\n\n```rust\nfn f() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
    let html = repeated(HTML, "<h1>", "</main>", count);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{HTML}");
    let warc = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: <https://example.org/a>\r\nWARC-Date: 2024-02-03T04:05:06Z\r\nContent-Type: \
         application/http; msgtype=response\r\nContent-Length: {}\r\n\r\n{response}\r\n\r\n",
        response.len()
    )
    .repeat(count);
    let opf = "<package><manifest><item id='c' href='./c.xhtml'/></manifest><spine><itemref idref='c'/></spine></package>";
    let members: Vec<_> = (0..count).map(|number| (format!("b/{number}.jsonl"), CHAT_ROWS[0])).collect();
    vec![
        ("a.txt", b"One line.\n<|endoftext|>\nTwo\r\n<|endoftext|>\r\n".repeat(count)),
        ("a.md", repeated(markdown, "# Text", "", count).into_bytes()),
        ("a.html", html.clone().into_bytes()),
        ("a.json", format!("[{}]", rows.join(",")).into_bytes()),
        ("a.jsonl", lines.clone().into_bytes()),
        ("a.csv", repeated(table, "1,", "", count).into_bytes()),
        ("a.rs", b"// SPDX-License-Identifier: MIT\n/// An owl.\nfn main() {}\n".repeat(count)),
        ("a.jsonl.gz", gzipped(lines.as_bytes())),
        ("a.warc", warc.clone().into_bytes()),
        ("a.warc.gz", gzipped(warc.as_bytes())),
        ("w.xml", repeated(WIKI, "<page>", "</mediawiki>", count).into_bytes()),
        ("Posts.xml", repeated(POSTS, " <row", "</posts>", count).into_bytes()),
        ("t.parquet", parquet(count)),
        ("a.pdf", pdf(count)),
        ("a.zip", zipped(&[&[("a.txt".to_owned(), "One.")], &members[..]].concat())),
        ("a.docx", zipped(&[("word/document.xml", &*repeated(WORD, "<w:p>", "</w:body>", count))])),
        (
            "a.epub",
            zipped(&[
                ("META-INF/container.xml", "<container><rootfile full-path='a/b.opf'/></container>"),
                ("a/b.opf", opf),
                ("a/c.xhtml", &html),
            ]),
        ),
    ]
}

/// All readers, with files of our own writers as seeds; `folder` is for readers of paths.
fn readers(sample: &Sample, folder: &Path) -> Vec<Reader> {
    let [model, gguf, packed] = sample.exports();
    let own = |path: &Path| std::fs::read(path).unwrap();
    let named = |name: &str| -> Vec<Vec<u8>> {
        sample
            .files
            .iter()
            .filter(|(path, _)| path.ends_with(name))
            .map(|(_, content)| content.clone())
            .collect()
    };
    let text = |bytes: &[Vec<u8>]| String::from_utf8(bytes[0].clone()).unwrap();
    let mut readers = vec![
        Reader::new("tokenizer.json", named("tokenizer.json"), |bytes| {
            if let Ok(tokenizer) = Tokenizer::from_bytes(bytes) {
                let tokens = tokenizer.encode("Once upon a time, 12 owls").unwrap_or_default();
                tokenizer.decode(&tokens);
            }
        }),
        Reader::text("run.toml", &[&text(&named("run.toml"))], |text| {
            if let Ok(config) = RunConfig::from_toml(text) {
                let _ = (config.validate(), config.changes());
            }
        }),
        Reader::text(
            "recipe",
            &[
                &Recipe::published("fineweb").unwrap().to_toml().unwrap(),
                &Recipe::published("light").unwrap().to_toml().unwrap(),
            ],
            |text| {
                drop(Recipe::from_toml(text).map(|recipe| recipe.to_toml()));
            },
        ),
        Reader::text("sweep", &[SWEEP, LADDER], |text| {
            if let Ok(sweep) = Sweep::from_toml(text) {
                drop(sweep.points(&project::config(1)));
            }
        }),
        Reader::text("task", &[TASK], |text| {
            drop(TaskFile::read_as(text, "owls.jsonl", ROWS.as_bytes(), None));
        }),
        Reader::text("task rows", &[ROWS], |text| {
            drop(TaskFile::read_as(TASK, "owls.jsonl", text.as_bytes(), None));
        }),
        Reader::text("chat template", &[TEMPLATE, CHATML], |text| {
            let conversation: Conversation = serde_json::from_str(CHAT_ROWS[0]).unwrap();
            if let Ok(template) = ChatTemplate::compile(text, SpecialTokens::default()) {
                drop((template.text(&conversation, true), template.render(&conversation)));
            }
        }),
        Reader::text("chat rows", &CHAT_ROWS, |text| {
            for objective in [Objective::Chat, Objective::Preference, Objective::Classify] {
                drop(RowWithNotes::read(text, objective));
            }
        }),
        Reader::text("metrics.jsonl", &[&text(&named("metrics.jsonl"))], {
            let path = folder.join("metrics.jsonl");
            move |text| {
                std::fs::write(&path, text).unwrap();
                drop((
                    metrics::read(&path),
                    metrics::thinned(&path, 50),
                    metrics::MetricsWriter::resume(&path, 4),
                ));
            }
        }),
        Reader::new("archive", vec![own(&packed), zipped(&[("project.json", "{}"), ("runs/a", "b")])], {
            let (file, to) = (folder.join("a.glasshouse"), folder.join("unpacked"));
            move |bytes| {
                std::fs::write(&file, bytes).unwrap();
                drop(archive::unpack_file(&file, &to, false));
                std::fs::remove_dir_all(&to).ok();
            }
        }),
        Reader::new("gguf", vec![own(&gguf)], {
            let path = folder.join("model.gguf");
            move |bytes| {
                if let Ok(file) = Gguf::read(&path, bytes) {
                    file.tensors().iter().for_each(|tensor| drop(tensor.floats()));
                }
                std::fs::write(&path, bytes).unwrap();
                drop(Found::look(&path, None).and_then(|found| found.weights()));
            }
        }),
    ];
    let requests = [
        serde_json::to_string(&Request::new(3, project::train(project::config(1), Some(4)))).unwrap(),
        serde_json::to_string(&Request::new(4, project::generate())).unwrap(),
    ];
    readers.push(Reader::text("request", &requests.each_ref().map(String::as_str), |text| {
        if let Ok(request) = serde_json::from_str::<Request>(text) {
            let _ = (request.command.only_reads(), request.command.names_path(true), request.command.label());
        }
    }));
    let heard = project::play(vec![project::opened(&sample.project()), project::generate()]);
    let reports: Vec<String> = heard.iter().map(|report| serde_json::to_string(report).unwrap()).collect();
    let reports: Vec<&str> = reports.iter().map(String::as_str).collect();
    readers.push(Reader::text("report", &reports, |text| drop(serde_json::from_str::<Report>(text))));
    // A file of a model's folder is replaced.
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        let (path, folder) = (model.join(name), model.clone());
        if let Ok(whole) = std::fs::read(&path) {
            readers.push(Reader::new(&format!("model's {name}"), vec![whole.clone()], move |bytes| {
                std::fs::write(&path, bytes).unwrap();
                drop(Found::look(&folder, None).and_then(|found| found.weights()));
                std::fs::write(&path, &whole).unwrap();
            }));
        }
    }
    for (name, content) in documents(1) {
        readers.push(Reader::new(name, vec![content], move |bytes| read_document(name, bytes)));
    }
    readers
}

#[test]
fn parsers() {
    let sample = Sample::new();
    let folder = project::folder();
    let readers = readers(&sample, folder.path());
    // The largest use of each reader, for the output.
    let mut most = vec![(Used::default(), 0.0_f64); readers.len()];
    let mut campaign = Campaign::new("parsers", 40_000);
    while let Some(mut draw) = campaign.next_trial() {
        let number = draw.below(readers.len());
        let reader = &readers[number];
        let mut bytes = draw.of(&reader.seeds).clone();
        mutate(&mut draw, &mut bytes, &reader.seeds);
        let began = processor_seconds();
        let (outcome, used) = measure(|| survive(|| (reader.read)(&bytes)));
        let seconds = processor_seconds() - began;
        let (largest, longest) = &mut most[number];
        *largest = Used { peak: largest.peak.max(used.peak), total: largest.total.max(used.total) };
        *longest = longest.max(seconds);
        let limit = |(fixed, each): (usize, usize)| fixed + each * bytes.len();
        let outcome = outcome.and_then(|()| match used {
            Used { peak, .. } if peak > limit(HELD) => Err(format!("{peak} bytes were held")),
            Used { total, .. } if total > limit(ALLOCATED) => Err(format!("{total} bytes were allocated")),
            _ if seconds > SECONDS => Err(format!("it took {seconds:.1} s")),
            _ => Ok(()),
        });
        campaign.judge(
            &draw,
            outcome.map_err(|reason| format!("{} of {} bytes: {reason}", reader.name, bytes.len())),
        );
    }
    for (reader, (used, seconds)) in readers.iter().zip(most) {
        println!(
            "parsers: {}: {} kB held, {} kB allocated, {seconds:.2} s",
            reader.name,
            used.peak >> 10,
            used.total >> 10
        );
    }
    campaign.end();
}

/// A document four times as long allocates about four times as many bytes, and holds a bounded number of them.
#[test]
fn growth() {
    // No other test may allocate meanwhile.
    let _turn = Campaign::new("growth", 1);
    // Pages as those of trials 58336 and 97408 of seed 1: `trafilatura` copies the contents of such elements.
    let nested = |count: usize| {
        let tables = "<p>The <b>owl</b> sat in the oak and sang for the <a href='x'>whole</a> night.</p><table><tr><th>a<td colspan=2>b</";
        let headings = "<main><h1>Owls &amp; oaks<td>b<ul><li>one<li>two</ul><pre>code\n  here</pre><p>x<sup>2</sup> and H<sub>2</sub>O</p>";
        [
            ("tables.html", tables),
            ("headings.html", headings),
            ("spans.html", "<div><span>Owls <p>and oaks</p>"),
            ("quotations.html", "<blockquote><div>Owls <p>and oaks</p>"),
            ("addresses.html", "<address>Owls <p>and oaks</p>"),
        ]
        .map(|(name, part)| {
            (name, format!("<!doctype html><title>Owls</title>{}", part.repeat(count)).into_bytes())
        })
    };
    let all = |count| [documents(count), nested(count).to_vec()].concat();
    let measured = |name: &str, bytes: &[u8]| measure(|| read_document(name, bytes)).1;
    // What is allocated once.
    for (name, bytes) in all(1) {
        measured(name, &bytes);
    }
    let mut wrong = Vec::new();
    for ((name, short), (_, long)) in all(200).into_iter().zip(all(800)) {
        let [one, four] = [&short, &long].map(|bytes| measured(name, bytes));
        let said = format!("{name} of {} and {} bytes: {one:?}, {four:?}", short.len(), long.len());
        println!("parsers: {said}");
        if four.total > 5 * one.total + (64 << 10) || four.peak > HELD.0 + HELD.1 * long.len() {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
