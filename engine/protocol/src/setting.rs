//! Settings, described once. A struct of settings is a table with the default, title, help and range of each; checks, forms and the help of
//! command-line options come from it.

use crate::config::{PreferenceSettings, RewardSettings};
use crate::model::{Dropout, Experts};
use crate::{
    Adapter, Bias, ChatSettings, DataConfig, DistilSettings, EarlyStopping, GuardSettings, Initialisation,
    Invalid, Mlp, ModelConfig, NormConfig, Position, Rope, RunConfig, TokenizerConfig, TrainConfig,
};
use std::fmt::Display;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::ops::RangeBounds;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Dotted path, as in the run's TOML file: `train.batch_size`.
    pub path: &'static str,
    pub title: &'static str,
    doc: &'static str,
    /// The smallest and largest number that a control offers. A range may exclude them; [`Settings::check`] then refuses them.
    pub limits: [f64; 2],
    /// Whether the number is written as `3.0e-4`.
    pub is_scientific: bool,
}

impl Setting {
    pub(crate) fn new(path: &'static str, title: &'static str, doc: &'static str) -> Self {
        Self { path, title, doc, limits: [f64::NEG_INFINITY, f64::INFINITY], is_scientific: false }
    }

    pub(crate) fn within<T: Number>(self, range: impl RangeBounds<T>) -> Self {
        let [least, most] = self.limits;
        let limit = |bound: Bound<&T>, otherwise| match bound {
            Included(limit) | Excluded(limit) => limit.get(),
            Unbounded => otherwise,
        };
        Self { limits: [limit(range.start_bound(), least), limit(range.end_bound(), most)], ..self }
    }

    pub(crate) fn scientific(self) -> Self {
        Self { is_scientific: true, ..self }
    }

    /// The first paragraph of its documentation, as one line.
    pub fn help(&self) -> String {
        first_paragraph(self.doc)
    }
}

/// The name, title and documentation of a choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Described {
    pub name: &'static str,
    pub title: &'static str,
    pub(crate) doc: &'static str,
}

impl Described {
    pub fn help(&self) -> String {
        first_paragraph(self.doc)
    }
}

fn first_paragraph(doc: &str) -> String {
    let paragraph = doc.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    words.join(" ").replace("[`", "`").replace("`]", "`")
}

/// Access to a setting for a control.
pub enum Value<'a> {
    Number(&'a mut dyn Number),
    Switch(&'a mut bool),
    Text(&'a mut String),
    Choice(&'a mut dyn Chosen),
}

pub trait Number {
    fn get(&self) -> f64;
    /// Rounds and clamps to the type.
    fn set(&mut self, number: f64);
    fn is_whole(&self) -> bool;
}

/// An enum of a setting.
pub trait Choice: Copy + PartialEq + Send + Sync + 'static {
    /// In the order of menus and help, as are the texts.
    const ALL: &'static [Self];
    const TEXTS: &'static [Described];
}

/// The current choice of a [`Choice`], by its texts.
pub trait Chosen {
    fn texts(&self) -> &'static [Described];
    fn text(&self) -> Described;
    fn choose(&mut self, title: &str);
}

impl<T: Choice> Chosen for T {
    fn texts(&self) -> &'static [Described] {
        Self::TEXTS
    }

    fn text(&self) -> Described {
        let texts = Self::ALL.iter().zip(Self::TEXTS);
        texts.into_iter().find(|(choice, _)| *choice == self).map(|(_, text)| *text).unwrap_or_default()
    }

    fn choose(&mut self, title: &str) {
        let texts = Self::ALL.iter().zip(Self::TEXTS);
        *self = texts.into_iter().find(|(_, text)| text.title == title).map_or(*self, |(choice, _)| *choice);
    }
}

pub trait Field {
    /// `None` for optional numbers, whose controls are special.
    fn value(&mut self) -> Option<Value<'_>>;
}

/// A type of settings that have a range.
pub trait Ranged: Field {
    type Limit: Number + PartialOrd + Display;

    /// `None` if it is not set.
    fn number(&self) -> Option<&Self::Limit>;
}

macro_rules! numbers {
    ($($type:ident: $is_whole:literal),*) => { $(
        impl Number for $type {
            fn get(&self) -> f64 {
                *self as f64
            }
            fn set(&mut self, number: f64) {
                *self = if $is_whole { number.round() } else { number } as Self;
            }
            fn is_whole(&self) -> bool {
                $is_whole
            }
        }
        impl Field for $type {
            fn value(&mut self) -> Option<Value<'_>> {
                Some(Value::Number(self))
            }
        }
        impl Ranged for $type {
            type Limit = Self;
            fn number(&self) -> Option<&Self> {
                Some(self)
            }
        }
    )* };
}
numbers!(f32: false, f64: false, usize: true, u64: true, u32: true);

impl<T: Ranged<Limit = T> + Number + PartialOrd + Display> Field for Option<T> {
    fn value(&mut self) -> Option<Value<'_>> {
        None
    }
}

impl<T: Ranged<Limit = T> + Number + PartialOrd + Display> Ranged for Option<T> {
    type Limit = T;
    fn number(&self) -> Option<&T> {
        self.as_ref()
    }
}

impl Field for bool {
    fn value(&mut self) -> Option<Value<'_>> {
        Some(Value::Switch(self))
    }
}

impl Field for String {
    fn value(&mut self) -> Option<Value<'_>> {
        Some(Value::Text(self))
    }
}

/// A struct made by `settings!`.
pub trait Settings {
    fn setting(name: &str) -> Option<Setting>
    where
        Self: Sized;

    fn value(&mut self, name: &str) -> Option<Value<'_>>;

    /// Checks the ranges and names the first broken one.
    fn check(&self) -> Result<(), Invalid>;
}

/// All numbers above `least`.
pub(crate) const fn above<T>(least: T) -> (Bound<T>, Bound<T>) {
    (Excluded(least), Unbounded)
}

/// All numbers above `least` and at most `most`.
pub(crate) const fn above_to<T>(least: T, most: T) -> (Bound<T>, Bound<T>) {
    (Excluded(least), Included(most))
}

pub(crate) fn check<F: Ranged>(
    path: &str,
    field: &F,
    range: impl RangeBounds<F::Limit>,
) -> Result<(), Invalid> {
    let Some(number) = field.number() else { return Ok(()) };
    if number.get().is_finite() && range.contains(number) {
        return Ok(());
    }
    let is_whole = number.is_whole();
    let rule = match (range.start_bound(), range.end_bound()) {
        (Included(least), Included(most)) if is_whole && least.get() == 0.0 => format!("be at most {most}"),
        (Included(least), Included(most)) => format!("be between {least} and {most}"),
        (Included(least), Excluded(most)) => format!("be at least {least} and below {most}"),
        (Excluded(least), Included(most)) => format!("be above {least} and at most {most}"),
        (Excluded(least), Excluded(most)) => format!("be above {least} and below {most}"),
        (Included(least), Unbounded) if least.get() == 0.0 => "be 0 or more".to_owned(),
        (Included(least), Unbounded) if is_whole => format!("be at least {least}"),
        (Included(least), Unbounded) => format!("be a number of at least {least}"),
        (Excluded(least), Unbounded) => format!("be a number above {least}"),
        (Unbounded, Included(most)) => format!("be at most {most}"),
        (Unbounded, Excluded(most)) => format!("be below {most}"),
        (Unbounded, Unbounded) => "be finite".to_owned(),
    };
    Err(Invalid::new(path, number, rule))
}

/// Defines a struct of settings whose paths begin with `section`: its type, serde attributes, [`Default`] if all fields have defaults, and
/// [`Settings`]. Documentation, default, title and range follow the field; without a title, a field has no control and no range.
/// Unknown fields are errors, unless `lenient()` follows the section.
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct $name:ident: $section:literal $(lenient $lenient:tt)? { $(
            $(#[doc = $doc:literal])*
            $(#[serde($($serde:tt)*)])*
            pub $field:ident: $type:ty = $default:expr $(, $title:literal $(, $range:expr $(, $notation:ident)?)?)?;
        )* }
    ) => {
        $crate::setting::settings! {
            $(#[$about])*
            #[serde(default)]
            pub struct $name: $section $(lenient $lenient)? { $(
                $(#[doc = $doc])*
                $(#[serde($($serde)*)])*
                pub $field: $type $(, $title $(, $range $(, $notation)?)?)?;
            )* }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }
    };
    (
        $(#[$about:meta])*
        pub struct $name:ident: $section:literal $(lenient $lenient:tt)? { $(
            $(#[doc = $doc:literal])*
            $(#[serde($($serde:tt)*)])*
            pub $field:ident: $type:ty $(, $title:literal $(, $range:expr $(, $notation:ident)?)?)?;
        )* }
    ) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[$about])*
        #[cfg_attr(not(any($(all $lenient)?)), serde(deny_unknown_fields))]
        pub struct $name { $(
            $(#[doc = $doc])*
            $(#[serde($($serde)*)])*
            pub $field: $type,
        )* }

        impl $crate::setting::Settings for $name {
            fn setting(name: &str) -> Option<$crate::setting::Setting> {
                match name {
                    $(stringify!($field) => $crate::setting::settings!(
                        @setting concat!($section, stringify!($field)), concat!("" $(, $doc, "\n")*), $type
                        $(, $title $(, $range $(, $notation)?)?)?
                    ),)*
                    _ => None,
                }
            }

            fn value(&mut self, name: &str) -> Option<$crate::setting::Value<'_>> {
                match name {
                    $(stringify!($field) => $crate::setting::settings!(@value &mut self.$field $(, $title)?),)*
                    _ => None,
                }
            }

            fn check(&self) -> Result<(), $crate::Invalid> {
                $($($($crate::setting::check(concat!($section, stringify!($field)), &self.$field, $range)?;)?)?)*
                Ok(())
            }
        }
    };
    (@setting $path:expr, $doc:expr, $type:ty) => { None };
    (@setting $path:expr, $doc:expr, $type:ty, $title:literal $(, $range:expr $(, $notation:ident)?)?) => {
        Some(
            $crate::setting::Setting::new($path, $title, $doc)
                $(.within::<<$type as $crate::setting::Ranged>::Limit>($range) $(.$notation())?)?
        )
    };
    (@value $field:expr) => { None };
    (@value $field:expr, $title:literal) => { $crate::setting::Field::value($field) };
}
pub(crate) use settings;

/// Defines an enum: after each variant its name in files and commands and, if that is another, its title, its default after the enum's name.
/// Menus and help omit unlisted variants.
macro_rules! choices {
    (@title $text:literal) => { $text };
    (@title $text:literal, $title:literal) => { $title };
    (
        $(#[$about:meta])*
        pub enum $name:ident $(= $default:ident)? { $(
            $(#[doc = $doc:literal])*
            $(#[serde($($serde:tt)*)])*
            $variant:ident = $text:literal $(, $title:literal)?;
        )* }
        $(unlisted { $($(#[doc = $other_doc:literal])* $other:ident = $other_text:literal $(, $other_title:literal)?;)+ })?
    ) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        $(#[$about])*
        pub enum $name { $(
            $(#[doc = $doc])*
            #[serde(rename = $text)]
            $(#[serde($($serde)*)])*
            $variant,
        )*
            $($($(#[doc = $other_doc])* #[serde(rename = $other_text)] $other,)+)?
        }

        $(impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        })?

        impl $name {
            $crate::names::named! { $($variant = $text),* $(; $($other = $other_text),+)? }

            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $crate::setting::choices!(@title $text $(, $title)?),)*
                    $($(Self::$other => $crate::setting::choices!(@title $other_text $(, $other_title)?),)+)?
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.name())
            }
        }

        impl $crate::setting::Choice for $name {
            const ALL: &'static [Self] = &Self::ALL;
            const TEXTS: &'static [$crate::setting::Described] = &[$($crate::setting::Described {
                name: $text,
                title: $crate::setting::choices!(@title $text $(, $title)?),
                doc: concat!("" $(, $doc, "\n")*),
            }),*];
        }

        impl $crate::setting::Field for $name {
            fn value(&mut self) -> Option<$crate::setting::Value<'_>> {
                Some($crate::setting::Value::Choice(self))
            }
        }
    };
}
pub(crate) use choices;

macro_rules! sections {
    ($($section:literal: $type:ty => |$run:ident| $settings:expr;)*) => {
        impl Setting {
            /// The setting of a run at a dotted path.
            pub fn at(path: &str) -> Option<Self> {
                let (section, name) = path.rsplit_once('.')?;
                match section {
                    $($section => <$type>::setting(name),)*
                    _ => None,
                }
            }
        }

        impl RunConfig {
            /// Access to the setting at a dotted path; `None` if it is part of an adapter or position encoding that the run does not have.
            pub fn value(&mut self, path: &str) -> Option<Value<'_>> {
                let (section, name) = path.rsplit_once('.')?;
                match section {
                    $($section => {
                        let $run = self;
                        $settings.value(name)
                    })*
                    _ => None,
                }
            }
        }
    };
}
sections! {
    "data": DataConfig => |run| run.data;
    "tokenizer": TokenizerConfig => |run| run.tokenizer;
    "model": ModelConfig => |run| run.model;
    "model.norm": NormConfig => |run| run.model.norm;
    "model.position": Rope => |run| match &mut run.model.position {
        Position::Rope(rope) => rope,
        Position::Learned | Position::Sinusoidal | Position::None => return None,
    };
    "model.mlp": Mlp => |run| run.model.mlp;
    "model.experts": Experts => |run| run.model.experts;
    "model.bias": Bias => |run| run.model.bias;
    "model.dropout": Dropout => |run| run.model.dropout;
    "model.init": Initialisation => |run| run.model.init;
    "train": TrainConfig => |run| run.train;
    "train.adapter": Adapter => |run| run.train.adapter.as_mut()?;
    "train.chat": ChatSettings => |run| run.train.chat;
    "train.preference": PreferenceSettings => |run| run.train.preference;
    "train.reward": RewardSettings => |run| run.train.reward;
    "train.distil": DistilSettings => |run| run.train.distil;
    "train.early_stopping": EarlyStopping => |run| run.train.early_stopping;
    "train.guard": GuardSettings => |run| run.train.guard;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Decay, RewardRule};
    use crate::{GuardMode, Precision, TokenizerKind, presets};

    #[test]
    fn a_setting_is_found_by_its_path() {
        let rate = Setting::at("train.learning_rate").unwrap();
        assert_eq!(
            (rate.title, rate.is_scientific, rate.limits),
            ("Learning rate", true, [0.0, f64::INFINITY])
        );
        let window = Setting::at("train.guard.window").unwrap();
        assert_eq!((window.path, window.limits), ("train.guard.window", [16.0, 4096.0]));
        assert_eq!(Setting::at("model.logit_softcap").unwrap().limits, [0.0, 1000.0]);
        for path in ["train", "train.stepz", "train.guard.on_spike", "steps", "data.paths"] {
            assert_eq!(Setting::at(path), None, "{path}");
        }
    }

    #[test]
    fn help_is_the_first_paragraph_as_one_line() {
        let help = Setting::at("train.activation_checkpointing").unwrap().help();
        assert!(help.starts_with("Recomputes") && help.ends_with("up to a third slower."), "{help}");
        assert_eq!(first_paragraph(" See [`Setting`],\n always.\n\n More.\n"), "See `Setting`, always.");
        assert_eq!(first_paragraph(""), "");
    }

    #[test]
    fn a_control_changes_a_run_by_path() {
        let mut run = presets::preset("llama-tiny").unwrap();
        let Some(Value::Number(steps)) = run.value("train.steps") else { panic!() };
        steps.set(40.4);
        assert!(steps.is_whole() && steps.get() == 40.0);
        let Some(Value::Choice(decay)) = run.value("train.decay") else { panic!() };
        decay.choose("linear");
        assert_eq!(decay.text().name, "linear");
        decay.choose("no such title");
        let Some(Value::Switch(mask)) = run.value("train.document_mask") else { panic!() };
        *mask = true;
        assert_eq!((run.train.steps, run.train.decay, run.train.document_mask), (40, Decay::Linear, true));
        assert!(run.value("train.adapter.rank").is_none() && run.value("model.sliding_window").is_none());
        run.set("adapter=lora").unwrap();
        assert!(run.value("train.adapter.rank").is_some() && run.value("model.position.base").is_some());
        run.model.position = Position::None;
        assert!(run.value("model.position.base").is_none());
    }

    #[test]
    fn choices_are_spelled_as_they_are_named() {
        fn spelled<T: Choice + serde::Serialize + std::fmt::Debug>() {
            for (choice, text) in T::ALL.iter().zip(T::TEXTS) {
                assert_eq!(serde_json::to_value(choice).unwrap(), text.name);
            }
        }
        spelled::<GuardMode>();
        spelled::<RewardRule>();
        spelled::<TokenizerKind>();
        assert_eq!(Decay::named("schedule", "linear"), Ok(Decay::Linear));
        assert!(Decay::named("schedule", "linaer").unwrap_err().contains("did you mean `linear`?"));
        assert!(TokenizerKind::named("tokenizer", "imported").is_err(), "it cannot be trained");
        let kind: TokenizerKind = serde_json::from_str("\"imported\"").unwrap();
        assert_eq!((kind, kind.name()), (TokenizerKind::Imported, "imported"));
        assert_eq!((Precision::default(), Precision::Auto.title()), (Precision::F32, "Automatic"));
    }

    #[test]
    fn a_broken_range_is_told_with_its_limits() {
        let told = |result: Result<(), Invalid>| result.map_err(|invalid| invalid.to_string()).err();
        let rule = |number: f32, range: (Bound<f32>, Bound<f32>)| told(check("x", &number, range));
        assert_eq!(rule(0.5, above(0.0)), None);
        assert_eq!(rule(0.0, above(0.0)).unwrap(), "x = 0 must be a number above 0");
        assert_eq!(rule(f32::INFINITY, above(0.0)).unwrap(), "x = inf must be a number above 0");
        assert_eq!(rule(1.5, above_to(0.0, 1.0)).unwrap(), "x = 1.5 must be above 0 and at most 1");
        assert_eq!(rule(f32::NAN, above_to(0.0, 1.0)).unwrap(), "x = NaN must be above 0 and at most 1");
        assert_eq!(told(check("x", &1.0_f64, 0.0..1.0)).unwrap(), "x = 1 must be at least 0 and below 1");
        assert_eq!(told(check("x", &-1.0_f64, 0.0..)).unwrap(), "x = -1 must be 0 or more");
        // The limits have the number's own precision.
        assert_eq!(told(check("x", &0.1_f32, 0.1..=1000.0)), None);
        assert_eq!(told(check("x", &0_usize, 1..=4)).unwrap(), "x = 0 must be between 1 and 4");
        assert_eq!(told(check("x", &5_u32, 0..=4)).unwrap(), "x = 5 must be at most 4");
        assert_eq!(told(check("x", &0_u64, 1..)).unwrap(), "x = 0 must be at least 1");
        assert_eq!(told(check("x", &Some(9_usize), 1..=4)).unwrap(), "x = 9 must be between 1 and 4");
        assert_eq!(told(check("x", &None::<usize>, 1..=4)), None);
    }
}
