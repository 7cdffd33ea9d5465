//! Arguments of `serve`.

use super::{ModelArguments, ModerationArguments, PrecisionArgument};
use clap::Args;
use glasshouse_engine::protocol::completion::PLACES;
use std::net::IpAddr;

#[derive(Args, Debug)]
pub struct ServeArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Port to listen on; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 8080, allow_negative_numbers = true)]
    pub port: u16,
    /// Address to listen on; 0.0.0.0 accepts connections from other machines
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = host)]
    pub host: IpAddr,
    /// Bearer token required from clients (printable ASCII, no spaces)
    #[arg(long, value_name = "TEXT", env = "GLASSHOUSE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Maximum texts generated at once
    #[arg(long, value_name = "N", default_value_t = PLACES as u16, value_parser = clap::value_parser!(u16).range(1..=256), allow_negative_numbers = true)]
    pub parallel: u16,
    /// Maximum waiting texts; further requests get status 429
    #[arg(long, value_name = "N", default_value_t = crate::serve::QUEUE as u16, value_parser = clap::value_parser!(u16).range(0..=3840), allow_negative_numbers = true)]
    pub queue: u16,
    /// Origin of web pages that may send requests, such as http://localhost:3000, or * for all
    #[arg(long, value_name = "ORIGIN")]
    pub cors: Option<String>,
    #[command(flatten)]
    pub moderation: ModerationArguments,
    /// Precision in which a GPU reads weights
    #[arg(long, value_name = "PRECISION", value_enum, default_value = "auto")]
    pub precision: PrecisionArgument,
    /// Choose GPU kernels by adapter kind instead of timing variants (up to two seconds)
    #[arg(long)]
    pub no_autotune: bool,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
}

fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        _ => text.parse().map_err(|_| "expected an address such as 127.0.0.1 or 0.0.0.0".to_owned()),
    }
}
