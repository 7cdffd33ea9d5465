//! Every reader of files and messages with mutated input. No reader panics, and time and memory are bounded by the input's size.

use super::coverage::Coverage;
use super::files::{archive as zipped, gzip, parquet, pdf, warc};
use super::interposed::processor_seconds;
use super::memory::{Used, measure};
use super::mutation::mutate;
use super::project::{self, Sample};
use super::{Campaign, survive};
use glasshouse::pages::learn::{BUILT_IN, Lesson};
use glasshouse_conversation::{ChatTemplate, Conversation, RowWithNotes, SpecialTokens};
use glasshouse_corpus::recipe::Recipe;
use glasshouse_documents::files::{FileType, Files, Input};
use glasshouse_documents::{extract, read};
use glasshouse_engine::evaluation::tasks::TaskFile;
use glasshouse_engine::formats::{Found, gguf::Gguf};
use glasshouse_engine::project::{archive, metrics};
use glasshouse_engine::tokenizer::Tokenizer;
use glasshouse_protocol::{CHATML, Event, Objective, Report, Request, RunConfig, Sweep, TrainEvent};
use serde_json::{Value, json};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bounds of a reader: bytes held at most, and bytes allocated in all, each for a file and per byte of it; and seconds.
const HELD: (usize, usize) = (48 << 20, 200);
const ALLOCATED: (usize, usize) = (1 << 30, 20_000);
const SECONDS: f64 = 10.0;

/// Longest input that is kept because it reached new code.
const KEPT: usize = 64 << 10;

type Read = dyn Fn(&[u8]);

struct Reader {
    name: String,
    seeds: Vec<Vec<u8>>,
    read: Box<Read>,
    coverage: Coverage,
}

impl Reader {
    fn new(name: &str, seeds: Vec<Vec<u8>>, read: impl Fn(&[u8]) + 'static) -> Self {
        Self { name: name.to_owned(), seeds, read: Box::new(read), coverage: Coverage::default() }
    }

    /// Of text; bytes that are not UTF-8 are replaced.
    fn text(name: &str, seeds: &[&str], read: impl Fn(&str) + 'static) -> Self {
        let seeds = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
        Self::new(name, seeds, move |bytes| read(&String::from_utf8_lossy(bytes)))
    }

    /// Reads an input and keeps it if it reaches new code; the result is that of [`survive`].
    fn try_input(&mut self, bytes: &[u8]) -> (Result<(), String>, Used) {
        Coverage::begin();
        let read = measure(|| survive(|| (self.read)(bytes)));
        if self.coverage.is_new() && bytes.len() <= KEPT {
            self.seeds.push(bytes.to_vec());
        }
        read
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
    let records = warc(HTML).repeat(count);
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
        ("a.jsonl.gz", gzip(lines.as_bytes())),
        ("a.warc", records.clone().into_bytes()),
        ("a.warc.gz", gzip(records.as_bytes())),
        ("w.xml", repeated(WIKI, "<page>", "</mediawiki>", count).into_bytes()),
        ("Posts.xml", repeated(POSTS, " <row", "</posts>", count).into_bytes()),
        ("t.parquet", parquet(&["An owl.", "Two owls.", "An owl."].repeat(count))),
        ("a.pdf", pdf(&vec!["(The owl sat in the oak.) Tj 0 -14 Td [(It) -250 (sang.)] TJ"; count])),
        ("a.zip", zipped(&[&[("a.txt".to_owned(), "One.")], &members[..]].concat())),
        ("a.docx", zipped(&[("word/document.xml", &*repeated(WORD, "<w:p>", "</w:body>", count))])),
        (
            "a.epub",
            zipped(&[
                ("META-INF/container.xml", "<container><rootfile full-path='a/b.opf'/></container>"),
                ("a/b.opf", opf),
                ("a/c.xhtml", &*html),
            ]),
        ),
    ]
}

fn own(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// All readers, with files of our own writers as seeds; `folder` is for readers of paths.
fn readers(sample: &Sample, folder: &Path) -> Vec<Reader> {
    let [model, gguf, packed] = sample.exports();
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
        Reader::text("lesson", &[BUILT_IN[4].1, BUILT_IN[12].1], |text| drop(Lesson::parse("owls.md", text))),
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

/// GGUF's head with this many tokens and empty tensors.
fn gguf(count: usize) -> Vec<u8> {
    const VERSION: u32 = 3;
    const TEXT: [u8; 4] = 8_u32.to_le_bytes();
    const LIST: [u8; 4] = 9_u32.to_le_bytes();
    let number = |number: usize| (number as u64).to_le_bytes();
    let text = |text: &str| [&number(text.len())[..], text.as_bytes()].concat();
    let mut bytes = [&b"GGUF"[..], &VERSION.to_le_bytes(), &number(count), &number(2)].concat();
    for part in [&text("general.architecture")[..], &TEXT, &text("llama")] {
        bytes.extend(part);
    }
    for part in [&text("tokenizer.ggml.tokens")[..], &LIST, &TEXT, &number(count)] {
        bytes.extend(part);
    }
    bytes.extend((0..count).flat_map(|at| text(&format!("token {at}"))));
    for at in 0..count {
        let [dimensions, f32] = [1_u32, 0].map(u32::to_le_bytes);
        for part in
            [&text(&format!("blk.{at}.attn_q.weight"))[..], &dimensions, &number(8), &f32, &number(32 * at)]
        {
            bytes.extend(part);
        }
    }
    bytes.resize(bytes.len().next_multiple_of(32) + 32 * count, 0);
    bytes
}

/// A file for a reader with a part that is repeated.
fn larger(Reader { name, seeds, .. }: &Reader, count: usize) -> Vec<u8> {
    if let Some((_, bytes)) = documents(count).into_iter().find(|(document, _)| document == name) {
        return bytes;
    }
    let seed = || String::from_utf8(seeds[0].clone()).unwrap();
    let json = || serde_json::from_str::<Value>(&seed()).unwrap();
    let all = |part: &dyn Fn(usize) -> Value| (0..count).map(part).collect::<Vec<_>>();
    let paths = (0..count).map(|at| format!("texts/{at}.txt"));
    let message = |at: usize| {
        let role = ["user", "assistant"][at % 2];
        json!({"role": role, "content": format!("Owl {at}?")})
    };
    match name.as_str() {
        "tokenizer.json" | "model's tokenizer.json" => {
            let mut tokenizer = json();
            let letter = |at: usize| char::from(b'A' + (at % 29) as u8);
            let known = tokenizer["model"]["vocab"].as_object().unwrap().len();
            for at in 0..count {
                let pair = [letter(at / 29), letter(at)];
                tokenizer["model"]["vocab"][String::from_iter(pair)] = json!(known + at);
                let merges = tokenizer["model"]["merges"].as_array_mut().unwrap();
                merges.push(json!(pair.map(String::from)));
            }
            tokenizer.to_string().into_bytes()
        }
        "run.toml" => {
            let mut config = project::config(1);
            config.data.paths = paths.collect();
            config.to_toml().unwrap().into_bytes()
        }
        "recipe" => {
            let mut recipe = Recipe::published("light").unwrap();
            recipe.contamination.against = paths.map(PathBuf::from).collect();
            recipe.to_toml().unwrap().into_bytes()
        }
        "lesson" => [BUILT_IN[4].1, &"The *owl* sat in `the oak`.\n\n* It sang.\n\n".repeat(count)]
            .concat()
            .into_bytes(),
        "sweep" => format!("name = \"rates\"\n[settings]\ntrain.steps = {:?}\n", Vec::from_iter(1..=count))
            .into_bytes(),
        "task" => TASK
            .replace("\"{{ choices | map('trim') | list }}\"", &format!("{:?}", Vec::from_iter(paths)))
            .into_bytes(),
        "task rows" => ROWS.repeat(count).into_bytes(),
        // Templates have at most 64 kB and 400 parts.
        "chat template" => TEMPLATE.repeat(count / 100).into_bytes(),
        "chat rows" => json!({"messages": all(&message)}).to_string().into_bytes(),
        "metrics.jsonl" => seed().repeat(count).into_bytes(),
        "archive" => {
            let member = |at: usize| (format!("runs/1-owls/{at}.txt"), "An owl.");
            zipped(
                &[&[("project.json".to_owned(), "{}")], &(0..count).map(member).collect::<Vec<_>>()[..]]
                    .concat(),
            )
        }
        "gguf" => gguf(count),
        "request" => {
            let conversation = json!({"id": 7, "revision": 0, "changed": 8, "messages": all(&message)});
            let kept = json!({"command": "keep_conversation", "conversation": conversation});
            serde_json::to_vec(&Request::new(4, project::command(kept))).unwrap()
        }
        "report" => {
            let step = |at: usize| TrainEvent::Step {
                step: at as u64,
                loss: 2.5,
                lr: 0.01,
                grad_norm: 1.5,
                tokens_per_s: 100.0,
                skipped: false,
            };
            let event = Event::Training { events: (0..count).map(step).collect(), seconds: None };
            serde_json::to_vec(&Report { request: None, event }).unwrap()
        }
        "model's config.json" => {
            let mut config = json();
            (0..count).for_each(|at| config[format!("owl_{at}")] = json!(at));
            config.to_string().into_bytes()
        }
        "model's tokenizer_config.json" => {
            let mut config = json();
            let added =
                |at: usize| (at.to_string(), json!({"content": format!("<owl {at}>"), "special": true}));
            config["added_tokens_decoder"] = (0..count).map(added).collect::<serde_json::Map<_, _>>().into();
            config.to_string().into_bytes()
        }
        "model's model.safetensors" => {
            let tensor = |at: usize| {
                let entry = json!({"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]});
                (format!("layers.{at}.weight"), entry)
            };
            let head = Value::from((0..count).map(tensor).collect::<serde_json::Map<_, _>>()).to_string();
            [&(head.len() as u64).to_le_bytes()[..], head.as_bytes(), &vec![0; 4 * count]].concat()
        }
        _ => unreachable!("{name} has a larger file"),
    }
}

#[test]
fn parsers() {
    let sample = Sample::new();
    let folder = project::folder();
    let mut readers = readers(&sample, folder.path());
    // Inputs that earlier runs kept, of which the last is written before it is tried, in case that it ends the process.
    let inputs = std::env::var_os("GLASSHOUSE_CAMPAIGN_INPUTS").map(PathBuf::from);
    for reader in &mut readers {
        let kept = inputs.iter().flat_map(|inputs| std::fs::read_dir(inputs.join(&reader.name)));
        let kept = kept.flatten().map(|file| own(&file.unwrap().path()));
        let seeds = [std::mem::take(&mut reader.seeds), kept.collect()].concat();
        for seed in &seeds {
            reader.try_input(seed).0.unwrap_or_else(|reason| panic!("{}: {reason}", reader.name));
        }
        // With counters, one of each that reach the same is enough.
        if reader.seeds.is_empty() {
            reader.seeds = seeds;
        }
    }
    let edges = |readers: &[Reader]| readers.iter().map(|reader| reader.coverage.edges()).sum::<usize>();
    let before = edges(&readers);
    // The largest use of each reader, for the output.
    let mut most = vec![(Used::default(), 0.0_f64); readers.len()];
    let mut campaign = Campaign::new("parsers", 40_000);
    while let Some(mut draw) = campaign.next_trial() {
        let number = draw.below(readers.len());
        let reader = &mut readers[number];
        let mut bytes = draw.of(&reader.seeds).clone();
        mutate(&mut draw, &mut bytes, &reader.seeds);
        let began = processor_seconds();
        if let Some(inputs) = &inputs {
            std::fs::write(inputs.join("last"), &bytes).unwrap();
        }
        let (outcome, used) = reader.try_input(&bytes);
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
        if let (Err(_), Some(inputs)) = (&outcome, &inputs) {
            std::fs::write(inputs.join(format!("lost {} {}", draw.trial, reader.name)), &bytes).unwrap();
        }
        campaign.judge(
            &draw,
            outcome.map_err(|reason| format!("{} of {} bytes: {reason}", reader.name, bytes.len())),
        );
    }
    for (reader, (used, seconds)) in readers.iter().zip(most) {
        let kept = match reader.coverage.edges() {
            0 => String::new(),
            edges => format!(", {edges} edges, {} inputs", reader.seeds.len()),
        };
        println!(
            "parsers: {}: {} kB held, {} kB allocated, {seconds:.2} s{kept}",
            reader.name,
            used.peak >> 10,
            used.total >> 10
        );
    }
    if let Some(inputs) = &inputs {
        for reader in &readers {
            let folder = inputs.join(&reader.name);
            std::fs::create_dir_all(&folder).unwrap();
            for (number, input) in reader.seeds.iter().enumerate() {
                std::fs::write(folder.join(number.to_string()), input).unwrap();
            }
        }
    }
    if before > 0 {
        println!("parsers: {before} edges were reached by the seeds, {} in the end", edges(&readers));
    }
    campaign.end();
}

/// A file four times as long allocates about four times as many bytes, and holds a bounded number of them.
#[test]
fn growth() {
    // No other test may allocate meanwhile.
    let _turn = Campaign::new("growth", 1);
    // `trafilatura` copies the contents of such elements, as mutated pages showed.
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
    let (sample, folder) = (Sample::new(), project::folder());
    let readers = readers(&sample, folder.path());
    let mut wrong = Vec::new();
    let mut compare = |name: &str, read: &Read, [short, long]: [Vec<u8>; 2]| {
        // What is allocated once.
        read(&short);
        let [one, four] = [&short, &long].map(|bytes| measure(|| read(bytes)).1);
        let said = format!("{name} of {} and {} bytes: {one:?}, {four:?}", short.len(), long.len());
        println!("parsers: {said}");
        let is_packed = [".gz", ".parquet", ".docx", ".epub"].iter().any(|ending| name.ends_with(ending));
        let times = if is_packed { 4.0 } else { long.len() as f64 / short.len() as f64 };
        let most = one.total as f64 * 1.25 * times;
        if four.total as f64 > most + 65_536.0 || four.peak > HELD.0 + HELD.1 * long.len() {
            wrong.push(said);
        }
    };
    for reader in &readers {
        compare(&reader.name, &reader.read, [200, 800].map(|count| larger(reader, count)));
    }
    for ((name, short), (_, long)) in nested(200).into_iter().zip(nested(800)) {
        compare(name, &|bytes| read_document(name, bytes), [short, long]);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
