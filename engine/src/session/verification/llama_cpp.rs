//! llama.cpp's server as the second reader of a file, if it is installed.

use super::super::imports::staged;
use super::{Reading, Sample, likeliest};
use crate::platform::{LocalServer, Yielder, spawn_yielding};
use crate::protocol::SecondReader;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const PROGRAM: &str = "llama-server";
/// Most likely tokens of a prediction that are compared: all of a small vocabulary; of a large one, what one answer holds.
const MOST_LIKELY: usize = 4096;
/// Tokens of the server's context beyond the longest sample.
const SPARE: usize = 32;

/// Reads a file with llama.cpp; `None` if it is not installed. Fails if llama.cpp rejects the file, or answers differently from known
/// versions.
pub(super) async fn read(path: &Path, samples: &[Sample]) -> Result<Option<Reading>> {
    let (path, samples) = (path.to_owned(), samples.to_vec());
    spawn_yielding(async move |yielder| read_blocking(path, samples, yielder).await).await?
}

async fn read_blocking(path: PathBuf, samples: Vec<Sample>, yielder: Yielder) -> Result<Option<Reading>> {
    let staging = staged()?;
    let context = samples.iter().map(|sample| sample.tokens.len()).max().unwrap_or_default() + SPARE;
    let context = context.to_string();
    // Keys and values in 32 bits, as here; one text at a time; on the CPU.
    let arguments = ["-c", &context, "-np", "1", "-ngl", "0", "-ctk", "f32", "-ctv", "f32", "-m"];
    let arguments: Vec<&OsStr> =
        arguments.iter().map(|text| OsStr::new(*text)).chain([path.as_os_str()]).collect();
    let log = staging.path().join("log");
    let Some(server) = LocalServer::start(PROGRAM, &arguments, &log, &yielder).await? else {
        return Ok(None);
    };
    let version = server.get("/props")?["build_info"].as_str().unwrap_or_default().to_owned();
    let mut reading = Reading {
        reader: SecondReader::LlamaCpp { version },
        prompts: Vec::new(),
        continuations: Vec::new(),
        predictions: Vec::new(),
    };
    for sample in &samples {
        let asked =
            json!({ "content": sample.prompt, "add_special": !sample.rendered, "parse_special": true });
        reading.prompts.push(ids(&server.post("/tokenize", &asked)?["tokens"])?);
        let (given, continued) = sample.tokens.split_at(sample.given);
        // After the first different token, the file's own text continues separately.
        let mut own: Vec<u32> = Vec::new();
        for at in 0..continued.len() {
            let row = predict(&server, &[given, &continued[..at]].concat())?;
            if own[..] == continued[..at] {
                own.extend(likeliest(row.iter().copied()));
            }
            reading.predictions.push(row);
            yielder.maybe_yield().await;
        }
        while own.len() < continued.len() {
            let row = predict(&server, &[given, &own].concat())?;
            own.extend(likeliest(row.into_iter()));
            yielder.maybe_yield().await;
        }
        reading.continuations.push(own);
    }
    Ok(Some(reading))
}

/// Log-probabilities of the most likely next tokens.
fn predict(server: &LocalServer, tokens: &[u32]) -> Result<Vec<(u32, f32)>> {
    let asked = json!({ "prompt": tokens, "n_predict": 1, "n_probs": MOST_LIKELY, "temperature": 0 });
    let answer = server.post("/completion", &asked)?;
    let listed = answer["completion_probabilities"][0]["top_logprobs"].as_array();
    let listed = listed.filter(|listed| !listed.is_empty()).ok_or_else(unknown)?;
    let entry = |entry: &Value| {
        let (id, value) = (entry["id"].as_u64(), entry["logprob"].as_f64());
        Some((u32::try_from(id?).ok()?, value? as f32))
    };
    listed.iter().map(|one| entry(one).ok_or_else(unknown)).collect()
}

fn ids(listed: &Value) -> Result<Vec<u32>> {
    let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(unknown);
    listed.as_array().ok_or_else(unknown)?.iter().map(id).collect()
}

fn unknown() -> Error {
    Error::Refused("its response differs from those of known versions".to_owned())
}
