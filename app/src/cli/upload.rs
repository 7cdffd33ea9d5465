//! Uploads an export to a repository of the Hugging Face Hub: large files to its storage, then everything in one commit.

use super::prelude::*;
use glasshouse_documents::catalogue::fetch::{agent, hub_endpoint, sha256};
use glasshouse_engine::formats::page;
use std::fmt::Display;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Seek as _, SeekFrom};
use std::time::Duration;
use ureq::http::{Response, header};
use ureq::{Agent, Body, SendBody};

/// Timeout of a silent server, which checks large commits.
const PATIENCE: Duration = Duration::from_secs(120);
/// Attempts to send a block of data.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
const AGAIN: &str = "repeat the command with --force: files appear only once all have arrived, and large ones are not sent twice";
const MAX_ANSWER: u64 = 8 << 20;
/// The bytes of a file by which the Hub tells text from binary data.
const SAMPLE: u64 = 512;
const JSON: &str = "application/json";
const LFS: &str = "application/vnd.git-lfs+json";
const LINES: &str = "application/x-ndjson";

#[derive(Args, Debug)]
pub struct UploadArguments {
    /// Upload the files to this repository on Hugging Face, which is created if missing
    ///
    /// Needs a token with write access in HF_TOKEN, or in the file that `hf auth login` writes. HF_ENDPOINT names another server.
    #[arg(long, value_name = "OWNER/NAME", value_parser = repository)]
    pub upload: Option<String>,
    /// Create a private repository [default: public, unless the organization has another default]
    #[arg(long, requires = "upload")]
    pub private: bool,
}

impl UploadArguments {
    /// Finds the token, before anything is exported. `None` without `--upload`.
    pub(super) fn open(&self, is_space: bool) -> Result<Option<Upload>> {
        let Some(repository) = self.upload.clone() else { return Ok(None) };
        let (token, endpoint) = (token(&|name| std::env::var(name).ok())?, hub_endpoint());
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let is_private = |rest: &str| rest.is_empty() || rest.starts_with([':', '/']);
        let keeps = endpoint.starts_with("https://")
            || local.iter().filter_map(|host| endpoint.strip_prefix(host)).any(is_private);
        ensure!(
            keeps && !endpoint.contains('@'),
            "HF_ENDPOINT must be an https URL without a user name, since the token is sent there"
        );
        Ok(Some(Upload::new(endpoint, token, repository, is_space, self.private)))
    }
}

/// Checks a repository's name by the Hub's rules.
fn repository(name: &str) -> Result<String, &'static str> {
    let is_ours = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['-', '.'])
            && !part.ends_with(['-', '.'])
            && !part.ends_with(".git")
    };
    let found = HubAddress::parse(name).filter(|own| {
        own.repository == name && name.split('/').all(is_ours) && !name.contains("--") && !name.contains("..")
    });
    match found {
        Some(own) if name.len() <= 96 => Ok(own.repository),
        _ => Err(
            "a repository is OWNER/NAME: letters, digits, and single -, _ or . between them; at most 96 characters",
        ),
    }
}

/// The token, where `huggingface_hub` looks for it.
fn token(variable: &dyn Fn(&str) -> Option<String>) -> Result<String> {
    let set = |name| variable(name).filter(|text| !text.trim().is_empty());
    let cache =
        || set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cache")));
    let home = || set("HF_HOME").map(PathBuf::from).or_else(|| Some(cache()?.join("huggingface")));
    let file = || set("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| Some(home()?.join("token")));
    let token = set("HF_TOKEN").or_else(|| fs::read_to_string(file()?).ok()).unwrap_or_default();
    let token = token.trim();
    ensure!(
        !token.is_empty(),
        "no Hugging Face token: set HF_TOKEN to one with write access, or run `hf auth login`"
    );
    ensure!(
        token.bytes().all(|byte| byte.is_ascii_graphic()),
        "the Hugging Face token has spaces or other characters that no token has; set HF_TOKEN again"
    );
    Ok(token.to_owned())
}

/// A repository with a token that may write to it. Redirects are not followed, so that the token stays with the endpoint.
pub(super) struct Upload {
    agent: Agent,
    endpoint: String,
    token: String,
    repository: String,
    is_space: bool,
    private: bool,
}

/// A file to upload, as it was at the beginning.
struct Entry {
    /// In the repository.
    path: String,
    file: PathBuf,
    found: Metadata,
    /// Only of files in LFS.
    sha256: Option<String>,
}

impl Upload {
    fn new(endpoint: String, token: String, repository: String, is_space: bool, private: bool) -> Self {
        Self { agent: agent(&endpoint, PATIENCE), endpoint, token, repository, is_space, private }
    }

    /// Uploads files of the folder `to`, or the file `to` and others next to it. Returns the address of the repository's page.
    pub(super) fn send(&self, to: &Path, files: &[String]) -> Result<String> {
        let base = if to.is_dir() { to } else { to.parent().unwrap_or(to) };
        let mut entries =
            files.iter().map(|file| Entry::new(base, Path::new(file))).collect::<Result<Vec<_>>>()?;
        let total = entries.iter().map(|entry| entry.found.len()).sum();
        let (prefix, kind) = if self.is_space { ("spaces/", "spaces") } else { ("", "models") };
        let page = format!("{}/{prefix}{}", self.endpoint, self.repository);
        tell!("uploading {}, {}, to {page}", counted(files.len() as u64, "file"), bytes(total));
        let api = format!("{}/api/{kind}/{}", self.endpoint, self.repository);
        self.prepare(&api)?;

        let samples = entries.iter().map(Entry::sample).collect::<Result<Vec<_>>>()?;
        let answer = self.post(&format!("{api}/preupload/main"), JSON, &json!({ "files": samples }))?;
        for entry in &mut entries {
            let mode = self.found(&answer["files"], "path", &entry.path)?["uploadMode"].as_str();
            let mode = mode.ok_or_else(|| self.unclear())?;
            // Storage takes no empty objects.
            if mode == "lfs" && entry.found.len() > 0 {
                entry.sha256 = Some(sha256(&entry.file)?);
            }
        }
        self.send_objects(&page, &entries)?;

        let head = json!({ "summary": "Upload from Glasshouse", "description": "" });
        let mut lines = json!({ "key": "header", "value": head }).to_string();
        for entry in &entries {
            lines += &format!("\n{}", entry.line()?);
        }
        entries.iter().try_for_each(Entry::check)?;
        self.post(&format!("{api}/commit/main"), LINES, &lines)?;
        Ok(page)
    }

    /// Creates the repository if it is missing.
    fn prepare(&self, api: &str) -> Result<()> {
        let about = match self.about(api)? {
            Some(about) => about,
            None => {
                let (owner, name) = self.repository.split_once('/').unwrap_or_default();
                let mut wanted = json!({ "name": name, "organization": owner, "type": "model" });
                if self.is_space {
                    (wanted["type"], wanted["sdk"]) = ("space".into(), "static".into());
                }
                if self.private {
                    wanted["visibility"] = "private".into();
                }
                self.post(&format!("{}/api/repos/create", self.endpoint), JSON, &wanted)?;
                self.about(api)?.ok_or_else(|| self.unclear())?
            }
        };
        if let Some(sdk) = about["sdk"].as_str().filter(|sdk| self.is_space && *sdk != "static") {
            bail!("{} is a Space of the kind {sdk}, not a static one; choose another name", self.repository);
        }
        ensure!(
            !self.private || about["private"] == true,
            "{} is public; make it private in its settings, or leave out --private",
            self.repository
        );
        Ok(())
    }

    /// The repository's entry; `None` if there is none, or the token may not read it.
    fn about(&self, api: &str) -> Result<Option<Value>> {
        let request = self.agent.get(api).config().max_redirects(0).build();
        let answer = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token)).call();
        let answer = answer.map_err(|error| self.lost(&error))?;
        match answer.status().as_u16() {
            401 | 403 | 404 => Ok(None),
            _ => self.read(answer).map(Some),
        }
    }

    /// Sends the files in LFS that the storage does not have.
    fn send_objects(&self, page: &str, entries: &[Entry]) -> Result<()> {
        let large = || entries.iter().filter_map(|entry| Some((entry, entry.sha256.as_deref()?)));
        let objects: Vec<Value> =
            large().map(|(entry, oid)| json!({ "oid": oid, "size": entry.found.len() })).collect();
        if objects.is_empty() {
            return Ok(());
        }
        let wanted = json!({
            "operation": "upload", "transfers": ["basic", "multipart"], "hash_algo": "sha256",
            "objects": objects, "ref": { "name": "main" },
        });
        let answer = self.post(&format!("{page}.git/info/lfs/objects/batch"), LFS, &wanted)?;
        for (entry, oid) in large() {
            let object = self.found(&answer["objects"], "oid", oid)?;
            if object["error"].is_object() {
                let code = object["error"]["code"].as_u64().and_then(|code| u16::try_from(code).ok());
                return Err(self.refused(code.unwrap_or(422), &object["error"]));
            }
            let Some(action) = object["actions"].get("upload") else {
                tell!("{} is already there", entry.path);
                continue;
            };
            tell!("{}, {}", entry.path, bytes(entry.found.len()));
            let href = action["href"].as_str().ok_or_else(|| self.unclear())?;
            match &action["header"]["chunk_size"] {
                Value::Null => self.put(entry, href, 0, entry.found.len()).map(drop)?,
                size => self.put_parts(entry, oid, href, size, &action["header"])?,
            }
            entry.check()?;
            if let Some(verify) = object["actions"]["verify"]["href"].as_str() {
                let wanted = json!({ "oid": oid, "size": entry.found.len() });
                self.post(verify, LFS, &wanted)?;
            }
        }
        Ok(())
    }

    /// Sends a file in parts, whose addresses `header` has by number.
    fn put_parts(&self, entry: &Entry, oid: &str, href: &str, size: &Value, header: &Value) -> Result<()> {
        let size = size.as_u64().or_else(|| size.as_str()?.parse().ok()).filter(|size| *size > 0);
        let size = size.ok_or_else(|| self.unclear())?;
        let addresses: BTreeMap<u64, &str> = header
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(number, address)| Some((number.parse().ok()?, address.as_str()?)))
            .collect();
        let length = entry.found.len();
        ensure!(addresses.len() as u64 == length.div_ceil(size), self.unclear());
        let mut parts = Vec::new();
        for (at, (number, address)) in addresses.into_iter().enumerate() {
            let from = at as u64 * size;
            let etag = self.put(entry, address, from, size.min(length - from))?;
            parts.push(json!({ "partNumber": number, "etag": etag.ok_or_else(|| self.unclear())? }));
        }
        self.post(href, LFS, &json!({ "oid": oid, "parts": parts })).map(drop)
    }

    /// Sends bytes of a file to storage, at a signed address, and returns their ETag.
    fn put(&self, entry: &Entry, address: &str, from: u64, length: u64) -> Result<Option<String>> {
        let mut reason = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(PAUSE * attempt);
            }
            entry.check()?;
            let mut file = File::open(&entry.file).with_context(|| entry.file.display().to_string())?;
            file.seek(SeekFrom::Start(from))?;
            let mut part = Part { file, left: length };
            let request = self.agent.put(address).config().max_redirects(0).build();
            let request = request.header(header::CONTENT_LENGTH, length);
            match request.send(SendBody::from_reader(&mut part)) {
                Ok(answer) if answer.status().is_success() => {
                    let etag = answer.headers().get(header::ETAG);
                    return Ok(etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned));
                }
                Ok(answer) if matches!(answer.status().as_u16(), 413 | 507) => {
                    return Err(self.refused(answer.status().as_u16(), &Value::Null));
                }
                Ok(answer) => {
                    let status = answer.status();
                    reason = format!("the storage answered {status}");
                    if !status.is_server_error() && !matches!(status.as_u16(), 408 | 429) {
                        break;
                    }
                }
                Err(error) => reason = format!("the connection failed ({})", self.clean(&error.to_string())),
            }
        }
        bail!("cannot upload {}: {reason}; {AGAIN}", entry.path)
    }

    /// Posts to an address; the token is for the Hub's own.
    fn post(&self, address: &str, media: &str, body: &impl Display) -> Result<Value> {
        let accepted = if media == LINES { JSON } else { media };
        let mut request = self.agent.post(address).config().max_redirects(0).build();
        request = request.header(header::CONTENT_TYPE, media).header(header::ACCEPT, accepted);
        if address.strip_prefix(&self.endpoint).is_some_and(|rest| rest.starts_with('/')) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let answer = request.send(body.to_string()).map_err(|error| self.lost(&error))?;
        self.read(answer)
    }

    fn read(&self, answer: Response<Body>) -> Result<Value> {
        let status = answer.status();
        let text = answer.into_body().into_with_config().limit(MAX_ANSWER).read_to_string();
        let body = text.map(|text| serde_json::from_str(&text).unwrap_or(Value::Null));
        if !status.is_success() {
            return Err(self.refused(status.as_u16(), &body.unwrap_or_default()));
        }
        body.map_err(|error| self.lost(&error))
    }

    fn refused(&self, status: u16, body: &Value) -> anyhow::Error {
        let said = body["error"].as_str().or(body["message"].as_str()).unwrap_or_default();
        let said: String = self.clean(said).chars().take(300).collect();
        let said = if said.is_empty() { said } else { format!(" (it says: {said})") };
        let reason = match status {
            300..400 => {
                "the Hub redirects elsewhere, where the token is not sent; give the repository's current name"
            }
            400 | 422 => "the Hub refused the request; check OWNER/NAME",
            401 => {
                "the token is not valid; make one with write access in your settings there, and set HF_TOKEN"
            }
            403 => "the token may not write there; give it write access, or choose your own OWNER/NAME",
            404 => "there is no such account or repository; check OWNER/NAME",
            413 | 507 => {
                "the account's storage is full; delete something there, or store the weights in fewer bits"
            }
            _ => return anyhow!("the Hub answered {status}{said}; {AGAIN}"),
        };
        anyhow!("cannot upload to {}: {reason}{said}", self.repository)
    }

    fn lost(&self, error: &ureq::Error) -> anyhow::Error {
        let error = self.clean(&error.to_string());
        anyhow!("the connection to {} failed ({error}); check the network, then {AGAIN}", self.endpoint)
    }

    /// The object of a list with this value.
    fn found<'a>(&self, list: &'a Value, key: &str, value: &str) -> Result<&'a Value> {
        let found = list.as_array().and_then(|list| list.iter().find(|own| own[key] == value));
        found.ok_or_else(|| self.unclear())
    }

    fn unclear(&self) -> anyhow::Error {
        anyhow!("{} gave an answer that Glasshouse does not understand; check HF_ENDPOINT", self.endpoint)
    }

    /// A server's words without control characters, and without the token if it repeats it.
    fn clean(&self, text: &str) -> String {
        let shown: String = text.chars().filter(|letter| !letter.is_control()).collect();
        shown.replace(&self.token, "(token)")
    }
}

impl Entry {
    fn new(base: &Path, file: &Path) -> Result<Self> {
        let path = file.strip_prefix(base).unwrap_or(file);
        let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
        let path = parts.collect::<Vec<_>>().join("/");
        let found = fs::metadata(file).with_context(|| file.display().to_string())?;
        Ok(Self { path, file: file.to_owned(), found, sha256: None })
    }

    fn sample(&self) -> Result<Value> {
        let mut sample = Vec::new();
        let file = File::open(&self.file).with_context(|| self.file.display().to_string())?;
        file.take(SAMPLE).read_to_end(&mut sample)?;
        Ok(json!({ "path": self.path, "sample": base64(&sample), "size": self.found.len() }))
    }

    /// The file's line in a commit.
    fn line(&self) -> Result<Value> {
        if let Some(oid) = &self.sha256 {
            let value = json!({ "path": self.path, "algo": "sha256", "oid": oid, "size": self.found.len() });
            return Ok(json!({ "key": "lfsFile", "value": value }));
        }
        let content = fs::read(&self.file).with_context(|| self.file.display().to_string())?;
        let value = json!({ "path": self.path, "content": base64(&content), "encoding": "base64" });
        Ok(json!({ "key": "file", "value": value }))
    }

    /// Checks that the file is as it was at the beginning.
    fn check(&self) -> Result<()> {
        let now = fs::metadata(&self.file).ok();
        let same = now.is_some_and(|now| {
            now.len() == self.found.len() && now.modified().ok() == self.found.modified().ok()
        });
        ensure!(same, "{} was changed or removed while it was uploaded; {AGAIN}", self.file.display());
        Ok(())
    }
}

/// The next `left` bytes of a file; an error if it ends earlier.
struct Part {
    file: File,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, block: &mut [u8]) -> std::io::Result<usize> {
        let count = (&mut self.file).take(self.left).read(block)?;
        if count == 0 && self.left > 0 && !block.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Base 64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    page::base64(bytes, &mut text);
    let mut text = text.replace('-', "+").replace('_', "/");
    text.extend(std::iter::repeat_n('=', text.len().next_multiple_of(4) - text.len()));
    text
}

#[cfg(test)]
#[path = "upload/tests.rs"]
mod tests;
