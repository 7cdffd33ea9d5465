//! Features: sparse dictionaries of a model, trained and read: the list of their features, a card of one, steering with it.

mod card;
mod explain;
mod text;

pub use text::WHAT;

use super::written::{run_of, source_ui};
use crate::pages::prelude::*;
use card::Steering;
use explain::Explained;
use glasshouse_protocol::features::{
    DictionaryKind, DictionarySettings, FeatureQuery, FeatureSummary, TokenPattern,
};
use glasshouse_protocol::setting::Number;

/// Width in points from which list and card are side by side.
const TWO_COLUMNS: f32 = 1000.0;
/// Height of the list above a card, beyond which it scrolls, in points.
const LIST: f32 = 320.0;
/// Features in the list, and passages and neighbours of a card.
const LISTED: usize = 60;
const DESCRIBED: usize = 12;

/// What an address asks for: the card of a feature of the latest dictionary, the graph behind the token after a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub feature: Option<usize>,
    pub prompt: Option<String>,
    /// The token; empty for the likeliest.
    pub completion: String,
}

#[derive(Debug, Default)]
pub struct FeaturesPage {
    source: WeightSource,
    /// The run that `dictionary` and `feature` belong to.
    run: Option<String>,
    settings: DictionarySettings,
    /// Of the run; `None` for the latest.
    dictionary: Option<u64>,
    /// List the features that are active in this text.
    search: String,
    feature: Option<usize>,
    /// The feature to open once there is a run.
    wished: Option<usize>,
    /// The feature whose density at the run's checkpoints is wanted.
    history: Option<usize>,
    steering: Steering,
    explained: Explained,
    planning: Debounce<(WeightSource, DictionarySettings, u64)>,
    listing: Debounce<Query>,
    describing: Debounce<Query>,
}

/// A run's dictionary, its name in requests, a query, and the number of changes of dictionaries.
type Query = (String, u64, FeatureQuery, u64);

impl Page for FeaturesPage {
    fn needs(&self) -> Needs {
        Needs::Model(text::NO_PROJECT, text::NO_MODEL)
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let run = run_of(&self.source, context.state).map(|run| run.name.clone());
        if self.run != run {
            (self.run, self.dictionary, self.feature) = (run, None, self.wished.take());
        }
        self.ask(ui, context);
        self.new_ui(ui, context);
        ui.add_space(space::SMALL);
        self.explain_ui(ui, context);
        self.known_ui(ui, context);
    }

    fn models(&self) -> Models<'_> {
        Models::Weights(super::written::named_run(&self.source).into_iter().collect())
    }

    fn dot(&self, state: &State) -> Option<Dot> {
        state.dictionaries.training.is_some().then_some(Dot::Running)
    }
}

/// Why nothing can be read or trained now.
fn busy(state: &State) -> Option<&'static str> {
    if state.training.state != TrainingState::Idle {
        Some("A run is in training. Dictionaries need the device: stop the run first.")
    } else if state.dictionaries.training.is_some() {
        Some("A dictionary is in training.")
    } else {
        None
    }
}

/// Draws what a list or card waits for.
fn awaited_ui(ui: &mut Ui, state: &State, words: &str) {
    match busy(state) {
        Some(why) => caption(ui, why),
        None if state.is_waiting(|command| matches!(command, Command::ReadFeatures { .. })) => {
            spinning(ui, words);
        }
        None => caption(ui, "The features could not be read."),
    }
}

impl FeaturesPage {
    pub fn wish(&mut self, Wish { feature, prompt, completion }: Wish) {
        let shown = if self.run.is_some() { &mut self.feature } else { &mut self.wished };
        *shown = feature.or(*shown);
        if let Some(prompt) = prompt {
            self.explained = Explained { prompt, completion, is_due: true };
        }
    }

    /// What is known of the chosen run.
    fn overview<'a>(&self, state: &'a State) -> Option<&'a answer::Dictionaries> {
        let run = run_of(&self.source, state)?;
        state.dictionaries.overview.as_ref().filter(|found| found.run == run.name)
    }

    fn dictionary<'a>(&self, state: &'a State) -> Option<&'a answer::Dictionary> {
        let kept = &self.overview(state)?.kept;
        kept.iter().find(|own| Some(own.number) == self.dictionary).or(kept.last())
    }

    fn ask(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let state = context.state;
        if busy(state).is_some() {
            return;
        }
        if let Some(found) = self.overview(state)
            && !found.points.iter().any(|(name, _)| *name == self.settings.at)
        {
            let last =
                found.points.iter().rfind(|(name, _)| name.ends_with(".mlp.output")).or(found.points.last());
            self.settings.at = last.map(|(name, _)| name.clone()).unwrap_or_default();
        }
        let revision = state.dictionaries.revision;
        if self.planning.due(ui, &(self.source.clone(), self.settings.clone(), revision)) {
            let (source, settings) = (self.source.clone(), Box::new(self.settings.clone()));
            context.outbox.send(Command::ReadDictionaries { source, settings });
        }
        let Some(own) = self.dictionary(state) else { return };
        let text = Some(self.search.clone()).filter(|text| !text.trim().is_empty());
        let list = FeatureQuery { text, count: LISTED, ..FeatureQuery::default() };
        let card = self.feature.map(|feature| FeatureQuery {
            feature: Some(feature),
            count: DESCRIBED,
            history: self.history == Some(feature),
            ..FeatureQuery::default()
        });
        for (query, debounce) in [(Some(list), &mut self.listing), (card, &mut self.describing)] {
            let Some(query) = query else { continue };
            if debounce.due(ui, &(own.run.clone(), own.number, query.clone(), revision)) {
                let (run, dictionary) = (own.run.clone(), Some(own.number));
                context.outbox.send(Command::ReadFeatures { run, dictionary, query });
            }
        }
    }

    fn new_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        if let Some(training) = &state.dictionaries.training {
            let point = training.record.as_ref().and_then(|record| record.curve.last());
            let tokens = training.record.as_ref().map_or(self.settings.tokens, |own| own.settings.tokens);
            let share = point.map_or(0.0, |point| point.tokens as f32 / tokens.max(1) as f32);
            let words = match point {
                _ if training.stopping => {
                    "Stopping; the dictionary as of its last measurement is kept…".to_owned()
                }
                None => "Training a dictionary: starting…".to_owned(),
                Some(point) => {
                    let [done, all] = [format::whole(point.tokens), format::counted(tokens, "token")];
                    format!("Training a dictionary: {done} of {all}")
                }
            };
            let cancel = (!training.stopping).then_some("Cancel");
            if working(ui, &words, Some(share.min(1.0)), cancel) {
                context.outbox.send(Command::Cancel { request: training.request });
            }
            if let Some(record) = &training.record {
                card(ui, |ui| blocks_ui(ui, context, "features:training", &record.blocks()));
            }
            return;
        }
        let has_none = self.overview(state).is_some_and(|found| found.kept.is_empty());
        card(ui, |ui| {
            let preferences = &mut *context.preferences;
            if fold_row(ui, preferences, "features:new", ("Train a dictionary", ""), has_none) {
                self.settings_ui(ui, context);
            }
        });
    }

    fn settings_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let found = self.overview(state);
        let points: Vec<(String, String)> = found.map_or_else(Vec::new, |found| {
            let named = |(name, columns): &(String, usize)| {
                let kind = match name.as_str() {
                    "blocks.*.mlp" => "a transcoder of each block, ",
                    transcoder if transcoder.ends_with(".mlp") => "transcoder, ",
                    _ => "",
                };
                (name.clone(), format!("{name} ({kind}{columns} columns)"))
            };
            found.points.iter().map(named).collect()
        });
        ui.set_max_width(ui.available_width().min(theme::PROSE));
        ui.label("Weights");
        source_ui(ui, state, "Weights", &mut self.source);
        ui.label("Hook point");
        choice_or(ui, ("Hook point", "…"), &mut self.settings.at, Some(ui.available_width()), &points);
        let kinds = DictionaryKind::ALL.map(|kind| (kind, kind.title()));
        ui.label("Kind");
        choice(ui, "Kind", &mut self.settings.kind, Some(ui.available_width()), &kinds);
        let DictionarySettings { width, kind, k, penalty, tokens, .. } = &mut self.settings;
        let sparsity = match kind {
            DictionaryKind::TopK => ("Active per token", text::K, k as &mut dyn Number),
            DictionaryKind::JumpRelu => ("Penalty", text::PENALTY, penalty as &mut dyn Number),
        };
        for (title, help, number) in [
            ("Features", text::WIDTH, width as &mut dyn Number),
            sparsity,
            ("Training tokens", text::TOKENS, tokens as &mut dyn Number),
        ] {
            field(ui, title, "", None, |ui| ui.add(drag(None, number)).accessible_name(title))
                .on_hover_text(help);
        }
        if *kind == DictionaryKind::JumpRelu {
            *k = (*k).min(*width);
        }
        ui.add_space(space::TIGHT);
        let plan = found.and_then(|found| found.plan);
        if let Some(plan) = plan {
            let about = format!("{}, about {}", format::bytes(plan.bytes), format::duration(plan.seconds));
            stat_row(ui, "Memory and time", &about, "");
        }
        match busy(state) {
            Some(why) => caption(ui, why),
            None => {
                let refused = found.map_or("", |found| found.refused.as_str());
                if !refused.is_empty() && !self.settings.at.is_empty() {
                    icon_line(ui, icons::ICON_WARNING, context.palette.warning, refused);
                }
            }
        }
        let ready = plan.is_some() && busy(state).is_none();
        if pressed(ui, ready, |ui| primary(ui, icons::ICON_PLAY_ARROW, "Train dictionary")) {
            let (source, settings) = (self.source.clone(), Box::new(self.settings.clone()));
            context.outbox.send(Command::TrainDictionary { source, settings });
            (self.dictionary, self.feature) = (None, None);
        }
    }

    fn known_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let Some(own) = self.dictionary(state) else {
            let waits = state.is_waiting(|command| matches!(command, Command::ReadDictionaries { .. }));
            match busy(state) {
                Some(why) if state.dictionaries.training.is_none() => caption(ui, why),
                None if waits && self.overview(state).is_none() => spinning(ui, "Reading the dictionaries…"),
                _ => {}
            }
            return;
        };
        let kept = self.overview(state).map_or(&[][..], |found| &found.kept);
        let name = |own: &answer::Dictionary| {
            let width = format::whole(own.settings.width as u64);
            (own.number, format!("{}: {}, {width} features", own.number, own.settings.at))
        };
        let named: Vec<(u64, String)> = kept.iter().rev().map(name).collect();
        card(ui, |ui| {
            let mut number = own.number;
            ui.label("Dictionary");
            choice(ui, "Dictionary", &mut number, Some(ui.available_width().min(theme::PROSE)), &named);
            if number != own.number {
                (self.dictionary, self.feature) = (Some(number), None);
            }
            let preferences = &mut *context.preferences;
            if fold_row(ui, preferences, "features:about", ("Quality", &quality(own)), false) {
                blocks_ui(ui, context, "features:about", &own.blocks());
            }
        });
        ui.add_space(space::SMALL);
        let width = ui.available_width();
        let stacked = width < TWO_COLUMNS;
        if stacked || self.feature.is_none() {
            card(ui, |ui| self.list_ui(ui, context, own, stacked));
            ui.add_space(space::SMALL);
            if self.feature.is_some() {
                self.card_ui(ui, context, own);
            }
        } else {
            halves(ui, space::MEDIUM, |ui, column| match column {
                0 => {
                    card(ui, |ui| self.list_ui(ui, context, own, false));
                }
                _ => self.card_ui(ui, context, own),
            });
        }
    }

    fn list_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, own: &answer::Dictionary, scrolls: bool) {
        let (state, palette) = (context.state, context.palette);
        let (width, hint) = (ui.available_width(), "Features active in a text…");
        line_edit(ui, "Text to find features in", hint, width, &mut self.search);
        let is_own = |found: &&answer::Features| found.run == own.run && found.dictionary == own.number;
        let Some(found) = state.dictionaries.list.as_ref().filter(is_own) else {
            return awaited_ui(ui, state, "Reading the features on held-out text…");
        };
        caption(ui, format!("{}. {}", found.about(), text::FIGURES));
        if found.features.is_empty() {
            return caption(ui, "No feature is active.");
        }
        let row = |own: &FeatureSummary| {
            let (value, figure) = match &own.in_text {
                Some((value, _)) => (*value, format::figures(f64::from(*value))),
                None => (own.density as f32, format::percent(own.density)),
            };
            let name = called_feature(own.feature, own.name.as_deref(), own.pattern.as_ref());
            let raises = own.raises.iter().map(|token| format!("{token:?}")).collect::<Vec<_>>().join(" ");
            let share = format::percent(own.density);
            let hover =
                format!("{name}: active on {share} of the tokens, most on {:?}; raises {raises}", own.token);
            let chosen = self.feature == Some(own.feature);
            Ranked {
                chosen,
                label: format!("Feature {name}, {figure}"),
                ..Ranked::bar(name, f64::from(value), palette.accent, figure, hover)
            }
        };
        let rows: Vec<Ranked> = found.features.iter().map(row).collect();
        let ranking = Ranking { font: FontId::proportional(13.0), figures: 64.0, presses: true };
        let draw = |ui: &mut Ui| ranking.wide_ui(ui, palette, &rows);
        let pressed = if scrolls { scrolled("features", LIST).show(ui, draw).inner } else { draw(ui) };
        if let Some(place) = pressed {
            self.feature = Some(found.features[place].feature);
        }
    }
}

/// A dictionary's quality in one line.
fn quality(own: &answer::Dictionary) -> String {
    match (&own.recovery, own.curve.last()) {
        (Some(recovery), _) => {
            let recovered = recovery.recovered.map_or_else(String::new, |share| {
                format!("{} of the loss recovered, ", format::percent(share))
            });
            format!("{recovered}{} dead", format::percent(recovery.dead))
        }
        (None, Some(point)) => format!("stopped after {}", format::counted(point.tokens, "token")),
        (None, None) => String::new(),
    }
}

/// A feature by number, its name, and the pattern of tokens that predicts it.
fn called_feature(feature: usize, name: Option<&str>, pattern: Option<&TokenPattern>) -> String {
    let pattern = pattern.map(|own| format!("{} {}", own.text(), format::percent(own.precision)));
    let words: Vec<String> = name.map(str::to_owned).into_iter().chain(pattern).collect();
    format!("{feature}  {}", words.join(" · ")).trim_end().to_owned()
}
