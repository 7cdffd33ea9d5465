//! `glasshouse serve`: serves a project's models through OpenAI's API.

use super::arguments::host;
use super::generate::DecodingArguments;
use super::moderate::moderation;
use super::prelude::*;
use crate::serve::{Server, ServerSettings, check_token};
use glasshouse_engine::project::ParsedClassifier;
use glasshouse_engine::protocol::completion::PLACES;
use std::net::IpAddr;

pub(super) fn serve(arguments: &ServeArguments) -> Result<()> {
    let checked = arguments.token.as_deref().map_or(Ok(()), check_token);
    checked.map_err(|reason| usage(format!("--token: {reason}")))?;
    glasshouse_engine::use_small_pages();
    let moderation = moderation(&arguments.decoding.moderation);
    drive(arguments.decoding.options(), async |engine| {
        let weights = arguments.decoding.weights.format;
        // Open the model and its moderation now: errors appear before the server starts, and the first request is fast.
        let (_, model) = trained::open(engine, &arguments.model, weights).await?;
        ParsedClassifier::default().of(&moderation, Some(&Project::open(&arguments.model.of.project)?))?;
        let settings = ServerSettings {
            host: arguments.host,
            port: arguments.port,
            token: arguments.token.clone(),
            places: arguments.parallel,
            queue: arguments.queue,
            cors: arguments.cors.clone(),
            run: Some(model.run.clone()),
            checkpoint: arguments.model.checkpoint.clone(),
            weights,
            moderation,
        };
        let board = engine.switchboard();
        let server = Server::start(settings, board.clone()).map_err(|reason| anyhow!(reason))?;
        if !arguments.host.is_loopback() && arguments.token.is_none() {
            let host = arguments.host;
            report!("note: anyone who can reach {host} may send requests; --token TEXT requires a token");
        }
        let answer::ModelOpened { run, step, device, .. } = model;
        report!("{run} at step {step} on {device} serves OpenAI's API; this is its base_url (Ctrl-C ends):");
        say!("{}", server.base_url())?;
        interrupt::flags("finishing the requests in progress")?.on_stop(server.thread.stopper());
        let on_report = |report: Report| {
            match &report.event {
                _ if board.receive(&report) => {}
                Event::Failed { error } if report.request.is_none() => report!("note: {}", error.message),
                // A notice that belongs to none of the server's requests.
                event => trained::note(event),
            }
            Ok(())
        };
        engine.relay(server.thread.ended(), on_report).await
    })
}

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
    #[arg(long, value_name = "N", default_value_t = PLACES, value_parser = within(1..=256), allow_negative_numbers = true)]
    pub parallel: usize,
    /// Maximum waiting texts; further requests get status 429
    #[arg(long, value_name = "N", default_value_t = crate::serve::QUEUE, value_parser = within(0..=3840), allow_negative_numbers = true)]
    pub queue: usize,
    /// Origin of web pages that may send requests, such as http://localhost:3000, or * for all
    #[arg(long, value_name = "ORIGIN")]
    pub cors: Option<String>,
    #[command(flatten)]
    pub decoding: DecodingArguments,
}
