//! Addresses of pretrained models: a repository on the Hugging Face Hub, a folder of one on any server, or a GGUF file.

use super::huggingface::{MAX_JSON_BYTES, shards_of};
use glasshouse_platform::{Error, Result, files, network};
use glasshouse_protocol::HubAddress;
use glasshouse_text::data::prepare::TOKENIZER_FILE;
use glasshouse_text::tokenizer::{CHAT_TEMPLATE_FILE, GENERATION_FILE, SETTINGS_FILE};
use std::path::{Path, PathBuf};

/// Server of repositories given without one.
const HUB: &str = HubAddress::HOST;
const WEIGHTS_FILE: &str = "model.safetensors";
const INDEX_FILE: &str = "model.safetensors.index.json";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelAddress {
    /// URL of the folder, without a trailing slash.
    folder: String,
    /// A GGUF file in the folder; `None` for a Hugging Face folder.
    file: Option<String>,
    /// Query string, such as the signature of a temporary link.
    query: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Name in the folder.
    pub name: String,
    /// Length in bytes, if the server reports it.
    pub bytes: Option<u64>,
}

impl ModelAddress {
    /// Parses `OWNER/NAME` or another [`HubAddress`], on its own or after `hf://` or the Hub's host, or the URL of a folder or a `.gguf`
    /// file; `https://` is optional. Fails if the text is none of these.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |reason: &str| {
            Err(Error::Refused(format!(
                "{text:?} is not a model on the network: {reason}; give OWNER/NAME of {HUB}, or the https:// URL of a folder or a .gguf file"
            )))
        };
        let text_and_query = text.trim().split('#').next().unwrap_or_default();
        let (whole, query) = text_and_query.split_once('?').unwrap_or((text_and_query, ""));
        if whole.is_empty() || whole.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
            return refused("it is empty or has spaces");
        }
        let (scheme, rest) = match whole.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
            Some(("hf", rest)) => ("hf", rest),
            Some(_) => return refused("it begins with neither https:// nor http://"),
            None => ("https", whole),
        };
        let rest = rest.trim_end_matches('/');
        let mut parts: Vec<&str> = rest.split('/').collect();
        let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        if scheme == "hf" || !is_host(parts[0]) && !whole.contains("://") {
            parts.insert(0, HUB);
        }
        let scheme = if scheme == "hf" { "https" } else { scheme };
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return refused("a part of it is empty");
        }
        if parts[0].contains('@') || parts.iter().any(|part| part.contains('\\')) {
            return refused("URLs with credentials or backslashes are not accepted");
        }
        if matches!(parts[0], "hf.co" | "www.huggingface.co") {
            parts[0] = HUB;
        }
        let hub;
        if parts[0] == HUB {
            hub = HubAddress::parse(&parts[1..].join("/"));
            let Some(HubAddress { repository, revision, path }) = &hub else {
                return refused("a repository is OWNER/NAME");
            };
            parts = vec![HUB, repository, "resolve", revision];
            parts.extend(path.split('/').filter(|part| !part.is_empty()));
        }
        let file =
            parts.last().filter(|name| name.to_lowercase().ends_with(".gguf")).map(|name| (*name).to_owned());
        if file.is_some() || parts.last() == Some(&"config.json") {
            parts.pop();
        }
        let folder = format!("{scheme}://{}", parts.join("/"));
        let query = if file.is_some() && !query.is_empty() { format!("?{query}") } else { String::new() };
        Ok(Self { folder, file, query })
    }

    pub fn host(&self) -> &str {
        self.folder.split('/').nth(2).unwrap_or_default()
    }

    pub fn name(&self) -> String {
        if let Some(file) = &self.file {
            return file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem).to_owned();
        }
        let mut parts = self.folder.split('/');
        let name = if self.host() == HUB { parts.nth(4) } else { parts.next_back() };
        name.unwrap_or_default().to_owned()
    }

    fn of(&self, name: &str) -> String {
        format!("{}/{name}{}", self.folder, self.query)
    }

    /// The files needed for an import, with their lengths; `scratch` is a folder for a temporary index file. Fails if no server answers, or
    /// a file does not exist.
    pub async fn list(&self, scratch: &Path) -> Result<Vec<RemoteFile>> {
        if let Some(file) = &self.file {
            return Ok(vec![self.needed(file).await?]);
        }
        let mut listed = vec![self.needed("config.json").await?, self.needed(TOKENIZER_FILE).await?];
        for name in [SETTINGS_FILE, GENERATION_FILE, CHAT_TEMPLATE_FILE] {
            listed.extend(self.find(name).await?);
        }
        if let Some(weights) = self.find(WEIGHTS_FILE).await? {
            listed.push(weights);
            return Ok(listed);
        }
        let Some(index) = self.find(INDEX_FILE).await? else {
            let reason = format!(
                "{} has neither {WEIGHTS_FILE} nor {INDEX_FILE}; pickled weights are not opened",
                self.folder
            );
            return Err(Error::Refused(reason));
        };
        let path = scratch.join(INDEX_FILE);
        network::fetch(&self.of(INDEX_FILE), &path, MAX_JSON_BYTES, &mut |_| ()).await?;
        let shards = shards_of(&path)?;
        files::remove_file(&path).map_err(Error::io(&path))?;
        listed.push(index);
        for shard in shards {
            listed.push(self.needed(&shard).await?);
        }
        Ok(listed)
    }

    async fn find(&self, name: &str) -> Result<Option<RemoteFile>> {
        let found = network::find(&self.of(name)).await?;
        Ok(found.map(|bytes| RemoteFile { name: name.to_owned(), bytes }))
    }

    async fn needed(&self, name: &str) -> Result<RemoteFile> {
        let found = self.find(name).await?;
        let advice = match name {
            "config.json" => "; give the folder that has it, or one file of a repository of GGUF files",
            _ if self.file.is_some() => "; look for its name there",
            _ => ": it is incomplete there",
        };
        found.ok_or_else(|| Error::Refused(format!("{} has no {name}{advice}", self.folder)))
    }

    /// Downloads files of at most `room` bytes in total into a folder, and returns the path to open. `heard` gets the total number of bytes
    /// so far. Fails if no server answers, a length differs from the reported one, or there is no room.
    pub async fn fetch(
        &self,
        listed: &[RemoteFile],
        into: &Path,
        room: u64,
        heard: &mut dyn FnMut(u64),
    ) -> Result<PathBuf> {
        let mut before = 0;
        for file in listed {
            let path = into.join(&file.name);
            let is_weights = file.name.ends_with(".safetensors") || self.file.is_some();
            // Text files may be sent compressed, with a smaller reported length.
            let said = file.bytes.filter(|_| is_weights);
            let most = if is_weights { said.unwrap_or(room.saturating_sub(before)) } else { MAX_JSON_BYTES };
            network::fetch(&self.of(&file.name), &path, most, &mut |done| heard(before + done)).await?;
            let length = files::metadata(&path).map_err(Error::io(&path))?.len();
            if let Some(whole) = said.filter(|said| *said != length) {
                let reason =
                    format!("{} ended after {length} of {whole} bytes; try again", self.of(&file.name));
                return Err(Error::Refused(reason));
            }
            before += length;
        }
        Ok(self.file.as_ref().map_or_else(|| into.to_owned(), |file| into.join(file)))
    }
}

/// Total bytes of the files, if all are known.
pub fn bytes_of(listed: &[RemoteFile]) -> Option<u64> {
    listed.iter().map(|file| file.bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let hub = "https://huggingface.co/HuggingFaceTB/SmolLM2-135M/resolve";
        for (text, folder, file, name) in [
            ("HuggingFaceTB/SmolLM2-135M", format!("{hub}/main"), None, "SmolLM2-135M"),
            (" huggingface.co/HuggingFaceTB/SmolLM2-135M/ ", format!("{hub}/main"), None, "SmolLM2-135M"),
            (
                "https://huggingface.co/HuggingFaceTB/SmolLM2-135M/tree/v2",
                format!("{hub}/v2"),
                None,
                "SmolLM2-135M",
            ),
            (
                "https://huggingface.co/HuggingFaceTB/SmolLM2-135M/blob/main/q/m.Q8_0.gguf?download=true",
                format!("{hub}/main/q"),
                Some("m.Q8_0.gguf"),
                "m.Q8_0",
            ),
            ("hf.co/HuggingFaceTB/SmolLM2-135M", format!("{hub}/main"), None, "SmolLM2-135M"),
            ("hf://HuggingFaceTB/SmolLM2-135M@v2/q", format!("{hub}/v2/q"), None, "SmolLM2-135M"),
            (
                "https://huggingface.co/HuggingFaceTB/SmolLM2-135M/blob/main/config.json",
                format!("{hub}/main"),
                None,
                "SmolLM2-135M",
            ),
            ("localhost:8000/owl", "https://localhost:8000/owl".to_owned(), None, "owl"),
            ("http://127.0.0.1:8000/models/owl/", "http://127.0.0.1:8000/models/owl".to_owned(), None, "owl"),
            ("http://localhost/owl.GGUF", "http://localhost".to_owned(), Some("owl.GGUF"), "owl"),
        ] {
            let address = ModelAddress::parse(text).unwrap();
            let got = (address.folder.clone(), address.file.as_deref());
            assert_eq!(got, (folder, file), "{text}");
            assert_eq!(address.name(), name, "{text}");
        }
        for text in [
            "",
            "owl",
            "a b/c",
            "ftp://x.org/owl",
            "https://",
            "huggingface.co/owl",
            "a/../b",
            "file:///etc/passwd",
            "https://me:secret@example.org/owl",
            "https://example.org/a\\..\\b",
        ] {
            assert!(ModelAddress::parse(text).is_err(), "{text}");
        }
    }
}
