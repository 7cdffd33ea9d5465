//! `glasshouse evaluate audit`: bias, memorisation, canaries and personal data in a model's output.

use super::prelude::*;
use glasshouse_engine::protocol::evaluation::AuditTopic;

pub(super) fn audit(arguments: &AuditArguments) -> Result<()> {
    let AuditArguments { model, section, pairs, samples, seed, device, json } = arguments;
    let pairs = pairs.as_ref().map(|path| {
        std::fs::metadata(path).with_context(|| path.display().to_string())?;
        anyhow::Ok(path.display().to_string())
    });
    let settings = AuditSettings {
        sections: section.clone(),
        samples: *samples,
        pairs: pairs.transpose()?,
        seed: *seed,
        ..AuditSettings::default()
    };
    drive(device.options(), async |engine| {
        let source = trained::source(engine, model).await?;
        let command = Command::Audit { source, settings: Box::new(settings) };
        let stopping = "cancelling; this audit's results are discarded";
        let found: Option<answer::Evaluations> = engine.ask_for_until_signal(command, stopping).await?;
        let Some(mut found) = found else { return Ok(()) };
        let audit = found.audits.pop().context("the engine returned no audit")?;
        if *json {
            return say_json(&audit);
        }
        say!("{} at step {}, on {}, in {}", audit.run, audit.step, audit.device, duration(audit.seconds))?;
        Ok(report::audited(&audit.sections)?)
    })
}

#[derive(Args, Debug)]
pub struct AuditArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Sections to run, separated by commas [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = choice::<AuditTopic>())]
    pub section: Vec<AuditTopic>,
    /// Additional sentence pairs: JSON Lines with `more`, `less` and `category`, or a CrowS-Pairs table (docs/audit.md)
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    #[arg(long, value_name = "N", help = help(AuditSettings::setting("samples")), default_value_t = 200, value_parser = within(1..=10_000))]
    pub samples: usize,
    /// Seed of samples and bootstrap resamples
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
