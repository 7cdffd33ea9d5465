//! Datasets of the Hugging Face Hub: `hf://OWNER/NAME[@REVISION][/PATH]`.
//!
//! The revision is resolved to a commit first, so that all files are of one version. Files in LFS have a SHA-256, which is
//! verified; of the others, only the length is known.

use super::super::{Entry, Length};
use super::{OnProgress, Progress, Settings, agent};
use crate::error::{Error, Result};
use glasshouse_protocol::{HubAddress, quantity};
use rustc_hash::FxHashSet;
use serde::Deserialize;
use ureq::http::header;

const SCHEME: &str = "hf://";
const HUB: &str = "https://huggingface.co";
/// Extensions of data, without those of packings.
const DATA: [&str; 7] = ["parquet", "jsonl", "ndjson", "json", "csv", "tsv", "txt"];
/// Names of JSON files that describe a dataset.
const ABOUT: [&str; 3] = ["dataset_info.json", "dataset_infos.json", "state.json"];
/// Maximum bytes of a dataset, of a page of the API, and its number of entries, of which a page has 1,000.
const MAX_BYTES: u64 = 64 << 30;
const MAX_PAGE: u64 = 32 << 20;
const MAX_ENTRIES: usize = 50_000;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dataset {
    address: HubAddress,
    endpoint: String,
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
    #[serde(rename = "cardData", default)]
    card: serde_json::Value,
}

#[derive(Deserialize)]
struct File {
    r#type: String,
    path: String,
    size: u64,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

impl Dataset {
    /// Parses an address, or that of a dataset's page; `None` if it is neither.
    pub(super) fn parse(address: &str) -> Option<Result<Self>> {
        let page = || address.strip_prefix(HUB)?.strip_prefix("/datasets/");
        let rest = address.strip_prefix(SCHEME).or_else(page)?;
        let Some(address) = HubAddress::parse(rest.strip_prefix("datasets/").unwrap_or(rest)) else {
            let message = format!(
                "{address} is not {SCHEME}OWNER/NAME, {SCHEME}OWNER/NAME@REVISION or {SCHEME}OWNER/NAME/PATH"
            );
            return Some(Err(Error::Invalid(message)));
        };
        Some(Ok(Self { address, endpoint: endpoint() }))
    }

    /// The name of the folder for its files, which no other revision or part shares: whoever adds one does not add another.
    pub(super) fn folder(&self) -> String {
        let HubAddress { repository, revision, path } = &self.address;
        let revision = if revision == "main" { "" } else { revision };
        let parts = [repository, revision, path].into_iter().filter(|part| !part.is_empty());
        parts.map(|part| part.replace('/', "--")).collect::<Vec<_>>().join("--")
    }

    /// Its files as entries, which are kept as long as the program runs, like those of the catalogue. `progress` is called before
    /// each page of the list and can stop.
    pub(super) fn entries(&self, settings: &Settings, progress: OnProgress<'_>) -> Result<Vec<Entry>> {
        let Self { address: HubAddress { repository, revision, path }, endpoint } = self;
        let api = format!("{endpoint}/api/datasets/{repository}");
        let (about, _): (Revision, _) = self.ask(settings, &format!("{api}/revision/{revision}"))?;
        // A file is found in the list of its folder.
        let (folder, file) = match path.rsplit_once('/').unwrap_or(("", path)) {
            (folder, file) if file.contains('.') => (folder, Some(path)),
            _ => (path.as_str(), None),
        };
        let folder = if folder.is_empty() { String::new() } else { format!("/{}", encoded(folder)) };
        let mut files: Vec<File> = Vec::new();
        let mut next = Some(format!("{api}/tree/{}{folder}?recursive=true", about.sha));
        while let Some(page) = next.take_if(|_| files.len() < MAX_ENTRIES) {
            if progress(Progress::Listing).is_break() {
                return Err(self.refused("the download was stopped"));
            }
            let (entries, more): (Vec<File>, _) = self.ask(settings, &page)?;
            files.extend(entries);
            next = more;
        }
        let more = next.is_some() && file.is_none();
        let is_wanted = |path: &str| file.map_or_else(|| is_data(path), |file| path == file);
        files.retain(|own| own.r#type == "file" && is_wanted(&own.path));
        let size = |file: &File| file.lfs.as_ref().map_or(file.size, |lfs| lfs.size);
        let bytes = files.iter().map(size).fold(0, u64::saturating_add);
        if files.is_empty() {
            let reason = format!("has no files of data here ({}); name a file", DATA.join(", "));
            return Err(self.refused(&reason));
        }
        if more || bytes > MAX_BYTES {
            let (count, bytes) = (files.len(), quantity::bytes(bytes));
            let reason = format!(
                "has {count} files or more of {bytes}; name a folder or file of it: {SCHEME}{repository}/{}",
                files.first().map(|file| file.path.as_str()).unwrap_or_default()
            );
            return Err(self.refused(&reason));
        }
        let licence = &*about.card["license"].as_str().unwrap_or("see its page").to_owned().leak();
        // Files of different folders may have one name without them.
        let mut taken = FxHashSet::default();
        let entry = |file: &File| {
            let path = encoded(&file.path);
            let mut name = file.path.replace('/', "-");
            while !taken.insert(name.to_lowercase()) {
                name.insert_str(0, "another-");
            }
            Entry {
                name: format!("{SCHEME}{repository}/{}", file.path).leak(),
                title: repository.clone().leak(),
                sentence: "",
                address: format!("{endpoint}/datasets/{repository}/resolve/{}/{path}", about.sha).leak(),
                file: name.leak(),
                format: "",
                length: Length::Exact(size(file)),
                sha256: file.lfs.as_ref().map(|lfs| lfs.oid.clone()).unwrap_or_default().leak(),
                licence,
                note: "",
            }
        };
        Ok(files.iter().map(entry).collect())
    }

    /// The answer at an address, and the address of the list's next page.
    fn ask<T: serde::de::DeserializeOwned>(
        &self,
        settings: &Settings,
        address: &str,
    ) -> Result<(T, Option<String>)> {
        let response = agent(address, settings.silence).get(address).call();
        let mut response = response.map_err(|error| self.refused(&format!("cannot be reached ({error})")))?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 | 404 => {
                let reason = "does not exist there, or needs an account; check owner, name and path";
                return Err(self.refused(reason));
            }
            status => {
                let reason = format!("cannot be listed: the server answered {status}; try again");
                return Err(self.refused(&reason));
            }
        }
        let link = response.headers().get(header::LINK).and_then(|link| link.to_str().ok());
        let next =
            link.and_then(next_page).filter(|next| next.starts_with(&self.endpoint)).map(str::to_owned);
        let body = response.body_mut().with_config().limit(MAX_PAGE).read_to_vec();
        let body = body.map_err(|error| self.refused(&format!("cannot be listed: {error}")))?;
        let answer = serde_json::from_slice(&body);
        let answer = answer.map_err(|error| self.refused(&format!("is listed in an unknown form: {error}")));
        Ok((answer?, next))
    }

    fn refused(&self, reason: &str) -> Error {
        Error::Refused(format!("{SCHEME}{}: {reason}", self.address.repository))
    }
}

/// The Hub's address, or that of another server in `HF_ENDPOINT`, as for `huggingface_hub`.
pub fn endpoint() -> String {
    let other = std::env::var("HF_ENDPOINT").ok().filter(|own| !own.is_empty());
    other.unwrap_or_else(|| HUB.to_owned()).trim_end_matches('/').to_owned()
}

/// The next page of a `Link` header, `<ADDRESS>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    next.split_once('<')?.1.split_once('>').map(|(address, _)| address)
}

/// A path with all other characters than those of plain names as `%XX`.
fn encoded(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    path.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// Whether a file has documents, by its name. Names that lead out of a folder on some system are refused.
fn is_data(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = [".gz", ".zst", ".bz2"].iter().find_map(|packing| name.strip_suffix(packing)).unwrap_or(name);
    let ending = stem.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let is_safe = !path.contains(|letter: char| letter.is_control() || "\\:".contains(letter));
    is_safe && !name.starts_with('.') && !ABOUT.contains(&name) && DATA.contains(&ending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::ops::ControlFlow;

    /// A server of these answers by path; others are 404. An answer may begin with a line of headers.
    fn server(answers: impl FnOnce(&str) -> Vec<(String, Vec<u8>)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers(&endpoint);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut request = String::new();
                while reader.read_line(&mut request).unwrap() > 2 {}
                let path = request.split(' ').nth(1).unwrap().to_owned();
                let found = answers.iter().find(|(own, _)| *own == path);
                let (status, body) = found.map_or(("404 No", &[][..]), |(_, body)| ("200 OK", body));
                let (link, body) = match body.strip_prefix(b"link: ") {
                    Some(rest) => rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap() + 1),
                    None => (&[][..], body),
                };
                let link = if link.is_empty() {
                    String::new()
                } else {
                    format!("link: {}", str::from_utf8(link).unwrap())
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\n{link}content-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
            }
        });
        endpoint
    }

    fn dataset(address: &str, endpoint: &str) -> Dataset {
        Dataset { endpoint: endpoint.to_owned(), ..Dataset::parse(address).unwrap().unwrap() }
    }

    #[test]
    fn addresses_name_owner_name_revision_and_path() {
        for address in [
            "hf://datasets/o-1/n.2@v3/a/b c.parquet",
            "https://huggingface.co/datasets/o-1/n.2/blob/v3/a/b c.parquet",
        ] {
            assert_eq!(dataset(address, "").folder(), "o-1--n.2--v3--a--b c.parquet");
        }
        assert_eq!(dataset("hf://o/n", "").folder(), "o--n");
        assert!(Dataset::parse("tiny-stories").is_none());
        for wrong in ["hf://", "hf://owner", "hf://o/n?x", "hf://o/n/../../secret", "hf://o/n@"] {
            assert!(Dataset::parse(wrong).unwrap().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_files_of_data_are_fetched_at_one_commit() {
        let content = b"{\"text\": \"a story\"}\n".to_vec();
        let tree = serde_json::json!([
            { "type": "directory", "path": "data", "size": 0, "oid": "1" },
            { "type": "file", "path": "README.md", "size": 3, "oid": "2" },
            { "type": "file", "path": "dataset_infos.json", "size": 3, "oid": "3" },
            { "type": "file", "path": "..\\..\\b.jsonl", "size": 3, "oid": "4" },
        ]);
        let second = serde_json::json!([
            { "type": "file", "path": "data/a #1.jsonl", "size": content.len(), "oid": "5" },
            { "type": "file", "path": "x/Y-z.jsonl", "size": 3, "oid": "6" },
            { "type": "file", "path": "x-y/z.jsonl", "size": 3, "oid": "7" },
        ]);
        let first = |endpoint: &str| {
            format!("link: <{endpoint}/api/datasets/o/n/tree/abc?cursor=2>; rel=\"next\"\r\n{tree}")
                .into_bytes()
        };
        let endpoint = server(|endpoint| {
            vec![
                (
                    "/api/datasets/o/n/revision/main".into(),
                    br#"{"sha": "abc", "cardData": {"license": "mit"}}"#.to_vec(),
                ),
                ("/api/datasets/o/n/tree/abc?recursive=true".into(), first(endpoint)),
                ("/api/datasets/o/n/tree/abc?cursor=2".into(), second.to_string().into_bytes()),
                ("/datasets/o/n/resolve/abc/data/a%20%231.jsonl".into(), content.clone()),
            ]
        });
        let own = dataset("hf://o/n", &endpoint);
        let mut pages = 0;
        let mut two = |_| {
            pages += 1;
            if pages > 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let entries = own.entries(&Settings::default(), &mut two).unwrap();
        assert!(own.entries(&Settings::default(), &mut two).unwrap_err().to_string().contains("was stopped"));
        assert_eq!(
            entries.iter().map(|entry| (entry.file, entry.licence)).collect::<Vec<_>>(),
            [("data-a #1.jsonl", "mit"), ("x-Y-z.jsonl", "mit"), ("another-x-y-z.jsonl", "mit")]
        );
        let folder = tempfile::tempdir().unwrap();
        let path = super::super::fetch(&Settings::default(), &entries[0], folder.path(), &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(std::fs::read(path).unwrap(), content);
        let missing = dataset("hf://o/other", &endpoint)
            .entries(&Settings::default(), &mut |_| ControlFlow::Continue(()));
        let missing = missing.unwrap_err().to_string();
        assert!(missing.starts_with("hf://o/other: does not exist"), "{missing}");
    }
}
