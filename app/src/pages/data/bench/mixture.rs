//! The mixture: how much of each source a model reads, by weights and a temperature, and the resulting shares.

use super::cards::small_card;
use super::*;
use glasshouse_protocol::cleaning::table::{CorpusCell, Unit};

const HEAVIEST: f64 = 4.0;
/// Maximum temperature of the slider, at which even sources of very different sizes get similar shares.
const HOTTEST: f64 = 5.0;

#[derive(Debug, Default)]
pub struct Mixing {
    /// The edited weights and temperature.
    mixture: Option<MixtureDraft>,
    sending: Debounce<MixtureDraft>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct MixtureDraft {
    weights: BTreeMap<String, f64>,
    temperature: f64,
}

impl MixtureDraft {
    fn of(recipe: &RecipeSummary) -> Self {
        Self { weights: recipe.weights.clone(), temperature: recipe.temperature.max(1.0) }
    }

    fn weight(&self, source: &str) -> f64 {
        self.weights.get(source).copied().unwrap_or(1.0)
    }
}

/// A source, and its kept size if known.
#[derive(Clone, Debug, PartialEq)]
struct Source {
    name: String,
    size: Option<f64>,
}

impl Mixing {
    /// Sends a mixture once it has settled.
    pub fn ask(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let Some(mixture) = &self.mixture else { return };
        let now = context.state.cleaning.recipe.as_ref().map(MixtureDraft::of);
        let waits = || {
            context
                .state
                .is_waiting(|command| matches!(command, Command::ChangeRecipe(RecipeChange::Mixture { .. })))
        };
        if now.as_ref() == Some(mixture) {
            self.mixture = None;
        } else if self.sending.due(ui, mixture) {
            let MixtureDraft { weights, temperature } = mixture.clone();
            context.outbox.send(RecipeChange::Mixture { weights, temperature });
        } else if self.sending.is_sent(mixture) && !waits() {
            // It was refused, as a message explains.
            self.mixture = None;
            self.sending.forget();
        }
    }

    /// Sliders for every source and the temperature; nothing if there is only one source.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, recipe: &RecipeSummary) {
        let cleaning = &context.state.cleaning;
        let sources = sources(cleaning.report.as_deref(), cleaning.judgement.as_ref(), recipe);
        if sources.len() < 2 {
            return;
        }
        let before = self.mixture.clone().unwrap_or_else(|| MixtureDraft::of(recipe));
        let mut mixture = before.clone();
        group_head_ui(ui, Group::Balance);
        small_card(ui, |ui| {
            caption(ui, "The share of each source in training. Sources read often are memorised sooner.");
            ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(80.0);
            let shares = shares(&sources, &mixture);
            let whole: f64 = sources.iter().filter_map(|source| source.size).sum();
            for (place, source) in sources.iter().enumerate() {
                let share = shares.as_ref().and_then(|shares| shares.get(place)).copied();
                let mut weight = mixture.weight(&source.name);
                line_ui(
                    ui,
                    |ui| {
                        if let (Some(share), Some(size)) = (share, source.size) {
                            let epochs = share / (size / whole).max(f64::MIN_POSITIVE);
                            let words = format!("{} · {epochs:.1} ×", format::percent(share));
                            caption_label(ui, words).on_hover_text(
                                "Its share of the training text, and how often it is read in one epoch of the whole corpus.",
                            );
                        }
                    },
                    |ui| ui.add(Label::new(&source.name).truncate()).on_hover_text(&source.name),
                );
                if let Some(share) = share {
                    let size = vec2(ui.available_width(), 4.0);
                    share_bar(ui, size, &[(share as f32, context.palette.series[2])]);
                }
                let control = Slider::new(&mut weight, 0.0..=HEAVIEST).step_by(0.1).fixed_decimals(1);
                if slider(ui, control).accessible_name(format!("Weight of {}", source.name)).changed() {
                    mixture.weights.insert(source.name.clone(), weight);
                }
            }
            line_ui(
                ui,
                |_| (),
                |ui| {
                    ui.label("Temperature").on_hover_text(
                    "1 weights sources by their length; higher values favour small ones, up to equal weights.",
                );
                },
            );
            let control = Slider::new(&mut mixture.temperature, 1.0..=HOTTEST).step_by(0.1).fixed_decimals(1);
            slider(ui, control).accessible_name("Temperature of the mixture");
        });
        if mixture != before {
            self.mixture = Some(mixture);
        }
    }
}

/// The sources of the last cleaning with kept sizes, or else of the sample; plus those with a weight in the recipe.
fn sources(
    report: Option<&CleaningReport>,
    sample: Option<&SampleJudgement>,
    recipe: &RecipeSummary,
) -> Vec<Source> {
    let kept = report.map(kept_by_source).unwrap_or_default();
    if !kept.is_empty() {
        return kept;
    }
    let seen = sample.into_iter().flat_map(|sample| sample.judged.iter().map(|judged| &judged.source));
    let names: BTreeSet<&String> = seen.chain(recipe.weights.keys()).collect();
    names.into_iter().map(|name| Source { name: name.clone(), size: None }).collect()
}

/// The kept size of each source, from the last column of its table: words or bytes if available, else documents.
fn kept_by_source(report: &CleaningReport) -> Vec<Source> {
    let Some(table) = report.table("source") else { return Vec::new() };
    let counts = |wanted: Unit| {
        table
            .columns
            .iter()
            .rposition(|column| column.unit == wanted && column.title.to_lowercase().contains("kept"))
    };
    let Some(column) = counts(Unit::Bytes).or_else(|| counts(Unit::Count)) else { return Vec::new() };
    let source = |row: &Vec<CorpusCell>| {
        let size = row.get(column)?.number().filter(|size| *size > 0.0)?;
        let CorpusCell::Text(name) = row.first()? else { return None };
        Some(Source { name: name.clone(), size: Some(size) })
    };
    table.rows.iter().filter_map(source).collect()
}

/// Each source's share: weight times size to the power 1/temperature, normalised. `None` if a size is unknown.
fn shares(sources: &[Source], mixture: &MixtureDraft) -> Option<Vec<f64>> {
    let drawn: Vec<f64> = sources
        .iter()
        .map(|source| {
            Some(mixture.weight(&source.name) * source.size?.powf(1.0 / mixture.temperature.max(1.0)))
        })
        .collect::<Option<_>>()?;
    let sum: f64 = drawn.iter().sum();
    (sum > 0.0).then(|| drawn.into_iter().map(|part| part / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::cleaning::table::{Column, CorpusTable};

    fn source(name: &str, size: f64) -> Source {
        Source { name: name.to_owned(), size: Some(size) }
    }

    #[test]
    fn a_temperature_brings_shares_together_and_a_weight_moves_them_apart() {
        let sources = [source("books", 100.0), source("web", 900.0)];
        let mut mixture = MixtureDraft { temperature: 1.0, ..MixtureDraft::default() };
        assert_eq!(shares(&sources, &mixture), Some(vec![0.1, 0.9]));
        mixture.temperature = 2.0;
        assert_eq!(shares(&sources, &mixture), Some(vec![0.25, 0.75]));
        mixture.weights.insert("books".to_owned(), 3.0);
        assert_eq!(shares(&sources, &mixture), Some(vec![0.5, 0.5]));
        mixture.weights = [("books".to_owned(), 0.0), ("web".to_owned(), 0.0)].into();
        assert_eq!(shares(&sources, &mixture), None, "nothing is left to read");
        let unknown = [Source { name: "books".to_owned(), size: None }];
        assert_eq!(shares(&unknown, &mixture), None);
    }

    #[test]
    fn sources_are_those_that_were_kept_else_those_of_the_sample() {
        let mut report = CleaningReport::default();
        let recipe =
            RecipeSummary { weights: [("books".to_owned(), 2.0)].into(), ..RecipeSummary::default() };
        assert_eq!(sources(Some(&report), None, &recipe), [Source { name: "books".to_owned(), size: None }]);
        report.tables.push(CorpusTable {
            key: "source".to_owned(),
            columns: vec![
                Column::new("Source", Unit::Text),
                Column::new("Documents raw", Unit::Count),
                Column::new("Documents kept", Unit::Count),
                Column::new("Share kept", Unit::Share),
            ],
            rows: vec![
                vec!["web".into(), 90_u64.into(), 40_u64.into(), 0.4.into()],
                vec!["forum".into(), 9_u64.into(), 0_u64.into(), CorpusCell::Nothing],
            ],
            ..CorpusTable::default()
        });
        assert_eq!(sources(Some(&report), None, &recipe), [source("web", 40.0)]);
    }
}
