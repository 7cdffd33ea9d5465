//! Numeric settings, defined once: a table of fields generates the recipe's struct, its defaults, the cards of the app, and the
//! checks.

use crate::error::{Error, Result};
use glasshouse_protocol::setting::{Field, Value};

pub use glasshouse_protocol::cleaning::ThresholdKind as Unit;

#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    pub name: &'static str,
    /// Current value; 0 or 1 for a switch.
    pub value: f64,
    /// The published value, or our own.
    pub default: f64,
    pub lowest: f64,
    pub highest: f64,
    pub unit: Unit,
    /// One sentence about its effect.
    pub explanation: &'static str,
    /// Its name in datatrove, which recipes may use, too.
    pub datatrove: Option<&'static str>,
}

impl Threshold {
    /// Checks a value; `path` precedes the name in the error.
    pub fn check(&self, path: &str, value: f64) -> Result<()> {
        let Self { name, lowest, highest, unit, .. } = self;
        let (kind, fits) = match unit {
            Unit::Count if value.fract() != 0.0 => ("a whole number", false),
            Unit::Switch if value.fract() != 0.0 => ("0 (off) or 1 (on)", false),
            Unit::Measure | Unit::Count | Unit::Switch => ("a number", true),
        };
        if fits && (*lowest..=*highest).contains(&value) {
            return Ok(());
        }
        let message = format!("{path}{name} is {value}, but must be {kind} from {lowest} to {highest}");
        Err(Error::Invalid(message))
    }
}

/// A threshold's field in a struct of settings.
pub struct Row<'a> {
    pub name: &'static str,
    pub field: &'a mut dyn Field,
    pub bounds: [f64; 2],
    pub explanation: &'static str,
    pub datatrove: Option<&'static str>,
}

impl Row<'_> {
    fn number(&mut self) -> (f64, Unit) {
        match self.field.value() {
            Some(Value::Switch(on)) => (f64::from(u8::from(*on)), Unit::Switch),
            Some(Value::Number(number)) if number.is_whole() => (number.get(), Unit::Count),
            Some(Value::Number(number)) => (number.get(), Unit::Measure),
            _ => (0.0, Unit::Measure),
        }
    }

    pub fn set(&mut self, value: f64) {
        match self.field.value() {
            Some(Value::Switch(on)) => *on = value != 0.0,
            Some(Value::Number(number)) => number.set(value),
            _ => {}
        }
    }
}

/// The thresholds of settings, given their rows and those of the defaults.
pub fn thresholds(rows: Vec<Row<'_>>, defaults: Vec<Row<'_>>) -> Vec<Threshold> {
    let threshold = |(mut row, mut default): (Row<'_>, Row<'_>)| {
        let ((value, unit), (default, _)) = (row.number(), default.number());
        let [lowest, highest] = row.bounds;
        let Row { name, explanation, datatrove, .. } = row;
        Threshold { name, value, default, lowest, highest, unit, explanation, datatrove }
    };
    rows.into_iter().zip(defaults).map(threshold).collect()
}

/// Implemented for each struct of settings by the macro below.
pub trait Thresholds: Clone + Default {
    fn rows(&mut self) -> Vec<Row<'_>>;

    fn thresholds(&self) -> Vec<Threshold> {
        thresholds(self.clone().rows(), Self::default().rows())
    }

    fn set(&mut self, name: &str, value: f64) {
        self.rows().iter_mut().filter(|row| row.name == name).for_each(|row| row.set(value));
    }

    /// Checks all bounds; `path` precedes the name in the error.
    fn check(&self, path: &str) -> Result<()> {
        self.thresholds().iter().try_for_each(|threshold| threshold.check(path, threshold.value))
    }
}

/// Generates settings: thresholds (`as` their name in datatrove) with default, bounds and explanation, then other fields.
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])*
        $name:ident {
            $( $field:ident $(as $datatrove:literal)?: $type:ty = $default:expr, $lowest:literal to $highest:literal, $explanation:literal; )*
        }
        $( lists { $( $list:ident: $list_type:ty = $list_default:expr, $list_explanation:literal; )* } )?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( #[doc = $explanation] $( #[serde(alias = $datatrove)] )? pub $field: $type, )*
            $( $( #[doc = $list_explanation] pub $list: $list_type, )* )?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* $( $( $list: $list_default, )* )? }
            }
        }

        impl $crate::threshold::Thresholds for $name {
            fn rows(&mut self) -> Vec<$crate::threshold::Row<'_>> {
                vec![ $( $crate::threshold::Row {
                    name: stringify!($field),
                    field: &mut self.$field,
                    bounds: [$lowest as f64, $highest as f64],
                    explanation: $explanation,
                    datatrove: [$( $datatrove )?].first().copied(),
                }, )* ]
            }
        }
    };
}
