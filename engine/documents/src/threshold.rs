//! Numeric settings, defined once: a table of fields generates the recipe's struct, its defaults, the cards of the app, and the
//! checks.

use crate::error::{Error, Result};
use glasshouse_protocol::names;
use glasshouse_protocol::setting::{Field, Value};

pub use glasshouse_protocol::cleaning::{Threshold, ThresholdKind as Unit};

/// A threshold's field in a struct of settings.
pub struct Row<'a> {
    pub name: &'static str,
    pub field: &'a mut dyn Field,
    pub bounds: [f64; 2],
    /// One sentence about its effect.
    pub explanation: &'static str,
    /// Its name in datatrove, which recipes may use, too.
    pub datatrove: Option<&'static str>,
}

impl Row<'_> {
    /// The current value, 0 or 1 for a switch, and its kind.
    pub fn number(&mut self) -> (f64, Unit) {
        match self.field.value() {
            Some(Value::Switch(on)) => (f64::from(u8::from(*on)), Unit::Switch),
            Some(Value::Number(number)) if number.is_whole() => (number.get(), Unit::Count),
            Some(Value::Number(number)) => (number.get(), Unit::Measure),
            _ => (0.0, Unit::Measure),
        }
    }

    fn set(&mut self, value: f64) {
        match self.field.value() {
            Some(Value::Switch(on)) => *on = value != 0.0,
            Some(Value::Number(number)) => number.set(value),
            _ => {}
        }
    }

    fn check(&mut self, path: &str, value: f64) -> Result<()> {
        let (name, [lowest, highest]) = (self.name, self.bounds);
        let (kind, fits) = match self.number().1 {
            Unit::Count if value.fract() != 0.0 => ("a whole number", false),
            Unit::Switch if value.fract() != 0.0 => ("0 (off) or 1 (on)", false),
            Unit::Measure | Unit::Count | Unit::Switch => ("a number", true),
        };
        if fits && (lowest..=highest).contains(&value) {
            return Ok(());
        }
        let message = format!("{path}{name} is {value}, but must be {kind} from {lowest} to {highest}");
        Err(Error::Invalid(message))
    }

    pub fn threshold(&mut self) -> Threshold {
        let ((value, kind), [lowest, highest]) = (self.number(), self.bounds);
        let (name, meaning) = (self.name.to_owned(), self.explanation.to_owned());
        Threshold { name, value, meaning, lowest, highest, kind }
    }
}

/// Checks all bounds; `path` precedes the name in the error.
pub fn check(rows: &mut [Row<'_>], path: &str) -> Result<()> {
    rows.iter_mut().try_for_each(|row| {
        let value = row.number().0;
        row.check(path, value)
    })
}

/// Sets a threshold by its name; `path` precedes the name in the error.
pub fn set(rows: &mut [Row<'_>], path: &str, name: &str, value: f64) -> Result<()> {
    let known: Vec<&str> = rows.iter().map(|row| row.name).collect();
    let unknown =
        || Error::Invalid(format!("{path}{}", names::unknown("threshold", name, known.into_iter())));
    let row = rows.iter_mut().find(|row| row.name == name).ok_or_else(unknown)?;
    row.check(path, value)?;
    row.set(value);
    Ok(())
}

/// Implemented for each struct of settings by the macro below.
pub trait Thresholds: Clone {
    fn rows(&mut self) -> Vec<Row<'_>>;

    /// Checks all bounds; `path` precedes the name in the error.
    fn check(&self, path: &str) -> Result<()> {
        check(&mut self.clone().rows(), path)
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
