//! candle on the speed table's benchmarks: training steps of a model with nanoGPT's shape, or decoding with an exported Llama.
//!
//! ```text
//! peer-candle train PROBLEM HEADS REPEATS      PROBLEM: weights, tokens and targets (../problem.py)
//! peer-candle decode FOLDER PROMPT TOKENS      FOLDER: a Hugging Face Llama; PROMPT: ids joined by commas
//! ```
//!
//! Prints one JSON line.

mod decode;
mod train;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        ["train", problem, heads, repeats] => train::train(problem, heads.parse()?, repeats.parse()?)?,
        ["decode", folder, prompt, tokens] => decode::decode(folder, &ids(prompt)?, tokens.parse()?)?,
        _ => bail!("usage: peer-candle train PROBLEM HEADS REPEATS | decode FOLDER PROMPT TOKENS"),
    };
    println!("{answer}");
    Ok(())
}

fn ids(joined: &str) -> Result<Vec<u32>> {
    Ok(joined.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
