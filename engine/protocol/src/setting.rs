//! Settings, described once. A struct of settings is a table with the default, title, help and range of each; checks, forms and the help of
//! command-line options come from it.

use crate::config::{PreferenceSettings, RewardSettings};
use crate::model::Dropout;
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
#[derive(Clone, Copy, Debug)]
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

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().zip(Self::TEXTS).find(|(_, text)| text.name == name).map(|(choice, _)| *choice)
    }
}

/// The current choice of a [`Choice`], by index.
pub trait Chosen {
    fn texts(&self) -> &'static [Described];
    fn get(&self) -> usize;
    fn set(&mut self, index: usize);
}

impl<T: Choice> Chosen for T {
    fn texts(&self) -> &'static [Described] {
        Self::TEXTS
    }

    fn get(&self) -> usize {
        Self::ALL.iter().position(|choice| choice == self).unwrap_or_default()
    }

    fn set(&mut self, index: usize) {
        *self = Self::ALL.get(index).copied().unwrap_or(*self);
    }
}

/// A type of settings.
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

/// Checks the range of one setting.
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
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct $name:ident: $section:literal { $(
            $(#[doc = $doc:literal])*
            $(#[serde($($serde:tt)*)])*
            pub $field:ident: $type:ty = $default:expr $(, $title:literal $(, $range:expr $(, $notation:ident)?)?)?;
        )* }
    ) => {
        $crate::setting::settings! {
            $(#[$about])*
            #[serde(default)]
            pub struct $name: $section { $(
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
        pub struct $name:ident: $section:literal { $(
            $(#[doc = $doc:literal])*
            $(#[serde($($serde:tt)*)])*
            pub $field:ident: $type:ty $(, $title:literal $(, $range:expr $(, $notation:ident)?)?)?;
        )* }
    ) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[$about])*
        #[serde(deny_unknown_fields)]
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

/// Defines an enum of a setting: its name in files and commands and its title after each variant, its default after the enum's name.
macro_rules! choices {
    (
        $(#[$about:meta])*
        pub enum $name:ident $(= $default:ident)? { $(
            $(#[doc = $doc:literal])*
            $(#[serde($($serde:tt)*)])*
            $variant:ident = $text:literal, $title:literal;
        )* }
    ) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        $(#[$about])*
        pub enum $name { $(
            $(#[doc = $doc])*
            #[serde(rename = $text)]
            $(#[serde($($serde)*)])*
            $variant,
        )* }

        $(impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        })?

        impl $name {
            $crate::names::named! { $($variant = $text),* }

            /// The name in menus.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }
        }

        impl $crate::setting::Choice for $name {
            const ALL: &'static [Self] = &Self::ALL;
            const TEXTS: &'static [$crate::setting::Described] = &[$($crate::setting::Described {
                name: $text,
                title: $title,
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
