//! Uploads to a stand-in of the Hub.

use super::*;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const TOKEN: &str = "hf_secret";
const LARGE: &[u8] = b"0123456789";

#[derive(Clone)]
struct Asked {
    /// Method and path.
    line: String,
    authorized: bool,
    body: Vec<u8>,
}

/// A server on this machine and what it was asked. `answer` gives status, headers and body, given its own address and the requests so far.
struct StandIn {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    fn new(answer: impl Fn(&str, &[Asked]) -> Option<(u16, String, String)> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (own, heard) = (address.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut authorized, mut length) = (String::new(), false, 0);
                reader.read_line(&mut line).unwrap();
                loop {
                    let mut header = String::new();
                    reader.read_line(&mut header).unwrap();
                    match header.trim().split_once(": ") {
                        None => break,
                        Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                            length = value.parse().unwrap();
                        }
                        Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                            assert_eq!(value, format!("Bearer {TOKEN}"));
                            authorized = true;
                        }
                        Some(_) => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let line = line.rsplit_once(' ').unwrap().0.to_owned();
                let so_far = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(Asked { line, authorized, body });
                    heard.clone()
                };
                // Without an answer, the connection breaks.
                let Some((status, headers, body)) = answer(&own, &so_far) else { continue };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
                );
                stream.write_all((head + &body).as_bytes()).ok();
            }
        });
        Self { address, asked }
    }

    /// A Hub, whose storage is another server. `special` may answer first.
    fn hub(
        storage: &str,
        special: impl Fn(&str, &[Asked]) -> Option<(u16, String, String)> + Send + 'static,
    ) -> Self {
        let storage = storage.to_owned();
        Self::new(move |own, asked| {
            if let Some(answer) = special(own, asked) {
                return (answer.0 != 0).then_some(answer);
            }
            let line = &*asked.last().unwrap().line;
            let created = asked.iter().any(|asked| asked.line == "POST /api/repos/create");
            let body = match line {
                "GET /api/models/me/tiny" | "GET /api/spaces/me/tiny" if !created => {
                    return Some((404, String::new(), json!({ "error": "not found" }).to_string()));
                }
                "GET /api/models/me/tiny" => json!({ "private": true }),
                "GET /api/spaces/me/tiny" => json!({ "private": false, "sdk": "static" }),
                line if line.contains("/preupload/main") => json!({ "files": [
                    { "path": "README.md", "uploadMode": "regular" },
                    { "path": "model.safetensors", "uploadMode": "lfs" },
                ] }),
                line if line.contains("/objects/batch") => {
                    let asked: Value = serde_json::from_slice(&asked.last().unwrap().body).unwrap();
                    let mut object = asked["objects"][0].clone();
                    object["actions"] = json!({
                        "upload": { "href": format!("{storage}/put?signature=1") },
                        "verify": { "href": format!("{own}/verify") },
                    });
                    json!({ "objects": [object] })
                }
                "POST /api/repos/create" | "POST /verify" => json!({}),
                line if line.contains("/commit/main") => json!({ "commitOid": "1" }),
                line => panic!("{line}"),
            };
            Some((200, String::new(), body.to_string()))
        })
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    fn send(&self, folder: &TempDir, is_space: bool, private: bool) -> Result<String> {
        let files =
            ["README.md", "model.safetensors"].map(|name| folder.path().join(name).display().to_string());
        let upload = Upload::new(self.address.clone(), TOKEN.into(), "me/tiny".into(), is_space, private);
        upload.send(folder.path(), &files)
    }

    /// The error, which must not contain the token; nothing may be committed.
    fn error(&self, folder: &TempDir) -> String {
        let error = format!("{:#}", self.send(folder, false, false).unwrap_err());
        assert!(!error.contains(TOKEN), "{error}");
        assert!(!self.lines().iter().any(|line| line.contains("/commit/")), "{error}");
        error
    }
}

fn storage() -> StandIn {
    StandIn::new(|_, asked| Some((200, format!("etag: \"{}\"\r\n", asked.len()), String::new())))
}

fn export() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("README.md"), "# ?>").unwrap();
    fs::write(folder.path().join("model.safetensors"), LARGE).unwrap();
    folder
}

#[test]
fn small_files_are_in_the_commit_and_large_ones_in_the_storage() {
    let (folder, storage) = (export(), storage());
    let hub = StandIn::hub(&storage.address, |_, _| None);
    assert_eq!(hub.send(&folder, false, true).unwrap(), format!("{}/me/tiny", hub.address));
    let asked = hub.asked();
    assert_eq!(
        hub.lines(),
        [
            "GET /api/models/me/tiny",
            "POST /api/repos/create",
            "GET /api/models/me/tiny",
            "POST /api/models/me/tiny/preupload/main",
            "POST /me/tiny.git/info/lfs/objects/batch",
            "POST /verify",
            "POST /api/models/me/tiny/commit/main",
        ]
    );
    assert!(asked.iter().all(|asked| asked.authorized));
    let created: Value = serde_json::from_slice(&asked[1].body).unwrap();
    assert_eq!(
        created,
        json!({ "name": "tiny", "organization": "me", "type": "model", "visibility": "private" })
    );
    let put = storage.asked();
    assert_eq!((put.len(), &*put[0].line, &*put[0].body), (1, "PUT /put?signature=1", LARGE));
    assert!(!put[0].authorized, "the storage gets no token");
    let commit = String::from_utf8(asked[6].body.clone()).unwrap();
    let lines: Vec<Value> = commit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["key"], "header");
    let content = json!({ "path": "README.md", "content": "IyA/Pg==", "encoding": "base64" });
    assert_eq!(lines[1], json!({ "key": "file", "value": content }));
    let oid = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
    let pointer = json!({ "path": "model.safetensors", "algo": "sha256", "oid": oid, "size": 10 });
    assert_eq!(lines[2], json!({ "key": "lfsFile", "value": pointer }));
}

#[test]
fn a_space_is_static_and_what_is_stored_is_not_sent_again() {
    let (folder, storage) = (export(), storage());
    let hub = StandIn::hub(&storage.address, |_, asked| {
        let asked = asked.last().unwrap();
        asked
            .line
            .contains("/batch")
            .then(|| (200, String::new(), String::from_utf8(asked.body.clone()).unwrap()))
    });
    assert_eq!(hub.send(&folder, true, false).unwrap(), format!("{}/spaces/me/tiny", hub.address));
    assert!(storage.asked().is_empty());
    let created: Value = serde_json::from_slice(&hub.asked()[1].body).unwrap();
    assert_eq!(created, json!({ "name": "tiny", "organization": "me", "type": "space", "sdk": "static" }));
    assert!(hub.lines().contains(&"POST /spaces/me/tiny.git/info/lfs/objects/batch".to_owned()));
    assert!(hub.lines().last().unwrap().ends_with("/commit/main"));
    // The repository is public.
    let error = hub.send(&folder, true, true).unwrap_err().to_string();
    assert!(error.contains("is public"), "{error}");
}

#[test]
fn large_objects_are_sent_in_parts_at_most_three_times_each() {
    let folder = export();
    // The second request fails, once.
    let storage = StandIn::new(|_, asked| {
        let status = if asked.len() == 2 { 500 } else { 200 };
        Some((status, format!("etag: e{}\r\n", asked.len()), String::new()))
    });
    let parts = storage.address.clone();
    let hub = StandIn::hub(&storage.address, move |own, asked| {
        let asked = asked.last().unwrap();
        if asked.line == "POST /complete" {
            return Some((200, String::new(), "{}".into()));
        }
        let mut answer: Value = serde_json::from_slice(&asked.body).ok()?;
        answer["objects"].is_array().then(|| {
            let header = json!({
                "chunk_size": "4", "2": format!("{parts}/2"), "1": format!("{parts}/1"), "3": format!("{parts}/3")
            });
            answer["objects"][0]["actions"]["upload"] =
                json!({ "href": format!("{own}/complete"), "header": header });
            (200, String::new(), answer.to_string())
        })
    });
    hub.send(&folder, false, false).unwrap();
    let put: Vec<_> = storage.asked().into_iter().map(|asked| (asked.line, asked.body)).collect();
    let expected: [(&str, &[u8]); 4] =
        [("PUT /1", b"0123"), ("PUT /2", b"4567"), ("PUT /2", b"4567"), ("PUT /3", b"89")];
    assert_eq!(put, expected.map(|(line, body)| (line.to_owned(), body.to_vec())));
    let complete = hub.asked().into_iter().find(|asked| asked.line == "POST /complete").unwrap();
    let complete: Value = serde_json::from_slice(&complete.body).unwrap();
    let parts = json!([
        { "partNumber": 1, "etag": "e1" }, { "partNumber": 2, "etag": "e3" }, { "partNumber": 3, "etag": "e4" },
    ]);
    assert_eq!(complete["parts"], parts);

    let broken = StandIn::new(|_, _| Some((500, String::new(), String::new())));
    let error = StandIn::hub(&broken.address, |_, _| None).error(&folder);
    assert!(error.contains("model.safetensors") && error.contains("500"), "{error}");
    assert_eq!(broken.asked().len(), 3);
    let full = StandIn::new(|_, _| Some((507, String::new(), String::new())));
    let error = StandIn::hub(&full.address, |_, _| None).error(&folder);
    assert!(error.contains("fewer bits") && full.asked().len() == 1, "{error}");
}

#[test]
fn refusals_name_a_remedy_and_keep_the_token() {
    let folder = export();
    let storage = storage();
    for (at, status, remedy) in [
        ("create", 401, "set HF_TOKEN"),
        ("create", 403, "may not write"),
        ("create", 400, "check OWNER/NAME"),
        ("preupload", 413, "fewer bits"),
        ("batch", 503, "repeat the command"),
        // The connection breaks.
        ("batch", 0, "check the network"),
    ] {
        let hub = StandIn::hub(&storage.address, move |_, asked| {
            let said = json!({ "error": format!("no\u{1b}: {TOKEN}") }).to_string();
            asked.last().unwrap().line.contains(at).then(|| (status, String::new(), said))
        });
        let error = hub.error(&folder);
        assert!(error.contains(remedy) && !error.contains('\u{1b}'), "{error}");
    }
    let gradio = StandIn::hub(&storage.address, |_, asked| {
        let is_about = asked.last().unwrap().line.starts_with("GET");
        is_about.then(|| (200, String::new(), json!({ "sdk": "gradio" }).to_string()))
    });
    let error = gradio.send(&folder, true, false).unwrap_err().to_string();
    assert!(error.contains("gradio") && gradio.asked().len() == 1, "{error}");
}

#[test]
fn redirects_are_not_followed() {
    let (folder, elsewhere) = (export(), storage());
    for at in ["GET", "create", "batch", "commit"] {
        let location = format!("location: {}/x\r\n", elsewhere.address);
        let hub = StandIn::hub(&elsewhere.address, move |_, asked| {
            asked.last().unwrap().line.contains(at).then(|| (307, location.clone(), String::new()))
        });
        let error = hub.send(&folder, false, false).unwrap_err().to_string();
        assert!(error.contains("redirects"), "{error}");
        assert!(hub.lines().last().unwrap().contains(at));
    }
    // The object of the last round.
    assert_eq!(
        elsewhere.asked().iter().map(|asked| &*asked.line).collect::<Vec<_>>(),
        ["PUT /put?signature=1"]
    );
}

#[test]
fn files_that_change_or_vanish_are_not_committed() {
    for vanishes in [false, true] {
        let (folder, storage) = (export(), storage());
        let file = folder.path().join("README.md");
        let hub = StandIn::hub(&storage.address, move |_, asked| {
            if asked.last().unwrap().line.contains("batch") {
                if vanishes { fs::remove_file(&file).unwrap() } else { fs::write(&file, "longer").unwrap() }
            }
            None
        });
        let error = hub.error(&folder);
        assert!(error.contains("README.md"), "{error}");
    }
}

#[test]
fn the_token_is_found_where_others_keep_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    fs::write(folder.path().join("token"), "hf_file\n").unwrap();
    let found = |set: &[(&str, &str)]| {
        token(&|name| set.iter().find(|own| own.0 == name).map(|(_, text)| (*text).to_owned()))
            .map_err(|error| error.to_string())
    };
    assert_eq!(found(&[("HF_TOKEN", "hf_a"), ("HF_HOME", &home)]).unwrap(), "hf_a");
    assert_eq!(found(&[("HF_TOKEN", " "), ("HF_HOME", &home)]).unwrap(), "hf_file");
    assert_eq!(found(&[("HF_TOKEN_PATH", &format!("{home}/token"))]).unwrap(), "hf_file");
    assert!(found(&[("HF_HOME", &format!("{home}/none"))]).unwrap_err().contains("HF_TOKEN"));
    let error = found(&[("HF_TOKEN", "hf_a\nhf_b")]).unwrap_err();
    assert!(!error.contains("hf_a"), "{error}");
}

#[test]
fn names_follow_the_rules_of_the_hub() {
    for name in ["me/tiny", "my-org/tiny_2.0"] {
        assert_eq!(repository(name).as_deref(), Ok(name));
    }
    for wrong in
        ["tiny", "me/", "me/-tiny", "me/a--b", "me/a..b", "me/a.git", "me/a/b", "me/a@v2", "me/a b", "/me/a/"]
    {
        assert!(repository(wrong).is_err(), "{wrong}");
    }
    assert!(repository(&format!("me/{}", "a".repeat(94))).is_err());
}
