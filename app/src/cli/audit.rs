//! `glasshouse audit`: bias, memorisation, canaries and personal data in a model's output.

use super::arguments::{AuditArguments, MeasuringArguments};
use super::driver::drive;
use super::settings::session_options;
use super::{bar, report, trained};
use anyhow::{Context as _, Result};
use glasshouse_engine::protocol::quantity::duration;
use glasshouse_engine::protocol::{Audit, AuditSettings, Command, Event};

pub(super) fn audit(arguments: &AuditArguments) -> Result<()> {
    let AuditArguments { model, section, pairs, samples, measuring, json } = arguments;
    let MeasuringArguments { seed, device, threads } = measuring;
    let pairs = pairs.as_ref().map(|path| {
        std::fs::metadata(path).with_context(|| path.display().to_string())?;
        anyhow::Ok(path.display().to_string())
    });
    let settings = AuditSettings {
        sections: section.clone(),
        samples: usize::from(*samples),
        pairs: pairs.transpose()?,
        seed: *seed,
        ..AuditSettings::default()
    };
    let options = session_options(device, *threads, false)?;
    drive(options, async |engine| {
        let source = trained::source(engine, model).await?;
        let bar = bar::bar(1, "{bar:30} {pos}/{len} · {wide_msg}");
        let show = |event| {
            match event {
                Event::Evaluating { what, done, total } => {
                    bar.set_length(total.max(1));
                    bar.set_position(done);
                    bar.set_message(what);
                }
                Event::Audited { audit } => {
                    bar.finish_and_clear();
                    if *json { say!("{}", serde_json::to_string(&audit)?)? } else { tell_all(&audit)? }
                }
                event => bar::above(|| trained::note(&event)),
            }
            Ok(())
        };
        let command = Command::Audit { source, settings: Box::new(settings) };
        engine.ask_until_signal(command, "cancelling; nothing of this audit is kept", show).await
    })
}

fn tell_all(audit: &Audit) -> Result<()> {
    let Audit { run, step, device, seconds, sections, .. } = audit;
    say!("{run} at step {step}, on {device}, in {}", duration(*seconds))?;
    Ok(report::audited(sections)?)
}
