//! `glasshouse influence`: the training passages behind a completion.

use super::prelude::*;
use glasshouse_engine::protocol::influence::InfluenceQuery;

pub(super) fn influence(arguments: &InfluenceArguments) -> Result<()> {
    let query = InfluenceQuery {
        prompt: arguments.prompt.clone(),
        completion: arguments.completion.clone(),
        checkpoints: arguments.checkpoints,
        passages: arguments.passages,
        count: arguments.count,
        preconditioned: arguments.preconditioned,
        retrained: arguments.retrained,
        seed: arguments.seed,
    };
    query.check().map_err(usage)?;
    drive(arguments.device.options(), async |engine| {
        let (run, _) = trained::settings_of(engine, &arguments.of).await?;
        let command = Command::Influence { run, query: Box::new(query) };
        let found: answer::Influence = engine.ask_for(command).await?;
        if arguments.json { say_json(&found) } else { Ok(report::print(&found.blocks())?) }
    })
}

#[derive(Args, Debug)]
pub struct InfluenceArguments {
    #[command(flatten)]
    pub of: RunArguments,
    /// Text before the completion
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prompt: String,
    /// Text whose origin to find
    #[arg(long, value_name = "TEXT")]
    pub completion: String,
    /// Maximum number of the run's checkpoints, spread over its training
    #[arg(long, value_name = "N", default_value_t = InfluenceQuery::default().checkpoints)]
    pub checkpoints: usize,
    /// Maximum number of training passages, drawn evenly
    ///
    /// A passage is a document or conversation, or a part of the context's length of a longer one.
    #[arg(long, value_name = "N", default_value_t = InfluenceQuery::default().passages)]
    pub passages: usize,
    /// Passages to list for each sign
    #[arg(long, value_name = "N", default_value_t = InfluenceQuery::default().count)]
    pub count: usize,
    /// Divide each entry of a gradient by its mean square over the passages, so that frequent tokens count less
    #[arg(long)]
    pub preconditioned: bool,
    /// Check the scores with N models, each trained again on a random half of the text
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retrained: usize,
    /// Seed of the random halves
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
