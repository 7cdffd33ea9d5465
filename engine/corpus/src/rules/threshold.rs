//! Settings of rules, defined once: a table of fields generates the recipe's struct, its defaults, the cards of the app, and
//! the checks.

use crate::error::{Error, Result};

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
}

pub use glasshouse_protocol::cleaning::ThresholdKind as Unit;

pub(crate) trait Value: Copy {
    const UNIT: Unit;
    fn number(self) -> f64;
    /// Converts a number that is within the threshold's bounds and suits its unit.
    fn from_number(number: f64) -> Self;
}

impl Value for f64 {
    const UNIT: Unit = Unit::Measure;
    fn number(self) -> f64 {
        self
    }
    fn from_number(number: f64) -> Self {
        number
    }
}

impl Value for usize {
    const UNIT: Unit = Unit::Count;
    fn number(self) -> f64 {
        self as f64
    }
    fn from_number(number: f64) -> Self {
        number as Self
    }
}

impl Value for u32 {
    const UNIT: Unit = Unit::Count;
    fn number(self) -> f64 {
        f64::from(self)
    }
    fn from_number(number: f64) -> Self {
        number as Self
    }
}

impl Value for bool {
    const UNIT: Unit = Unit::Switch;
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }
    fn from_number(number: f64) -> Self {
        number != 0.0
    }
}

impl Threshold {
    pub(crate) fn check(&self, rule: &str, value: f64) -> Result<()> {
        let Self { name, lowest, highest, unit, .. } = self;
        let (kind, fits) = match unit {
            Unit::Count if value.fract() != 0.0 => ("a whole number", false),
            Unit::Switch if value.fract() != 0.0 => ("0 (off) or 1 (on)", false),
            Unit::Measure | Unit::Count | Unit::Switch => ("a number", true),
        };
        if fits && (*lowest..=*highest).contains(&value) {
            return Ok(());
        }
        let message = format!("{rule}: {name} is {value}, but must be {kind} from {lowest} to {highest}");
        Err(Error::Invalid(message))
    }
}

/// Generated for each rule by the macro below.
pub(super) trait Thresholds {
    fn thresholds(&self) -> Vec<Threshold>;
    /// Sets a threshold to a checked value; returns false if there is none with this name.
    fn set(&mut self, name: &str, value: f64) -> bool;
}

/// Generates a rule's settings: thresholds with default, bounds and explanation, then lists.
macro_rules! settings {
    (
        $(#[$about:meta])*
        $name:ident {
            $( $field:ident: $type:ty = $default:expr, $lowest:literal to $highest:literal, $explanation:literal; )*
        }
        $( lists { $( $list:ident: $list_type:ty = $list_default:expr, $list_explanation:literal; )* } )?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( #[doc = $explanation] pub $field: $type, )*
            $( $( #[doc = $list_explanation] pub $list: $list_type, )* )?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* $( $( $list: $list_default, )* )? }
            }
        }

        impl $crate::rules::threshold::Thresholds for $name {
            fn thresholds(&self) -> Vec<$crate::rules::threshold::Threshold> {
                #[allow(unused_imports, reason = "a rule may have only lists")]
                use $crate::rules::threshold::{Threshold, Value};
                vec![ $( Threshold {
                    name: stringify!($field),
                    value: self.$field.number(),
                    default: <$type as Value>::number($default),
                    lowest: $lowest as f64,
                    highest: $highest as f64,
                    unit: <$type as Value>::UNIT,
                    explanation: $explanation,
                }, )* ]
            }

            #[allow(unused_variables, reason = "a rule may have only lists")]
            fn set(&mut self, name: &str, value: f64) -> bool {
                match name {
                    $( stringify!($field) => {
                        self.$field = $crate::rules::threshold::Value::from_number(value);
                        true
                    } )*
                    _ => false,
                }
            }
        }
    };
}
pub(super) use settings;
