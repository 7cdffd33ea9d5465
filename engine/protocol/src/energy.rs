//! Energy of a run, its cost and its emissions, each with its basis.

use crate::blocks::Fact;
use crate::quantity::{duration, figures, percent};
use serde::{Deserialize, Serialize};

const JOULES_PER_KWH: f64 = 3.6e6;
/// Share of a run's time below which a measurement is called partial.
const WHOLE: f64 = 0.99;

/// Energy counted by a meter of the system while a run trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeteredEnergy {
    pub joules: f64,
    pub seconds: f64,
    /// What it measures, in words.
    pub meter: String,
}

/// A figure given by the user, with its source: `0.31 EUR (my contract)`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub value: f64,
    /// The currency of a price; else empty.
    pub unit: String,
    pub source: String,
}

/// Figures that depend on the user's device and contract. They have no defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnergySettings {
    /// Power of the device under full load, in watts.
    pub watts: Option<Rate>,
    /// Price per kWh.
    pub price: Option<Rate>,
    /// Grams of CO₂ per kWh.
    pub co2: Option<Rate>,
}

/// The energy of a run, cost and emissions if known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnergyUse {
    pub kwh: f64,
    /// An upper bound rather than a measurement.
    pub is_bound: bool,
    pub basis: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub co2: Option<Rate>,
}

impl Rate {
    fn parse(text: &str) -> Option<Self> {
        let (figure, source) = match text.trim().strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((figure, source)) => (figure, source.trim()),
            None => (text, ""),
        };
        let mut words = figure.split_whitespace();
        let value = words.next()?.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)?;
        Some(Self { value, unit: words.collect::<Vec<_>>().join(" "), source: source.to_owned() })
    }

    fn note(&self, per: &str) -> String {
        let Self { value, unit, source } = self;
        let source = if source.is_empty() { "source not given" } else { source };
        format!("{value}{}{unit} {per} ({source})", if unit.is_empty() { "" } else { " " })
    }
}

impl EnergySettings {
    /// Reads the settings from environment variables, each a number, a unit for the price, and the source in brackets. Fails if a variable
    /// is not of that form.
    pub fn from_variables(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let rate = |name: &str, unit: Option<&str>, example: &str| {
            let Some(text) = read(name).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
            // A figure in kW or kg would be taken for one in W or g.
            let fits = |own: &Rate| unit.is_none_or(|unit| own.unit.is_empty() || own.unit == unit);
            match Rate::parse(&text).filter(fits) {
                Some(own) if unit.is_some() => Ok(Some(Rate { unit: String::new(), ..own })),
                Some(own) => Ok(Some(own)),
                None => Err(format!(
                    "{name} must be a number of at least 0 with its source, as in \"{example}\" (got {text:?})"
                )),
            }
        };
        Ok(Self {
            watts: rate("GLASSHOUSE_WATTS", Some("W"), "65 (data sheet)")?,
            price: rate("GLASSHOUSE_PRICE_PER_KWH", None, "0.31 EUR (my contract)")?,
            co2: rate("GLASSHOUSE_CO2_PER_KWH", Some("g"), "363 (grams, national average of 2024)")?,
        })
    }
}

impl EnergyUse {
    /// The energy of a run of `seconds`: as metered, else bounded by the device's power; `None` if neither is known.
    pub fn of_run(seconds: f64, metered: Option<&MeteredEnergy>, settings: &EnergySettings) -> Option<Self> {
        match (metered.filter(|own| own.seconds > 0.0), &settings.watts) {
            (Some(own), _) => {
                let covered = own.seconds / seconds.max(1e-9);
                let part = if covered < WHOLE {
                    format!(", during {} of the training time", percent(covered))
                } else {
                    String::new()
                };
                let basis = format!("measured by {}{part}", own.meter);
                Some(Self { kwh: own.joules / JOULES_PER_KWH, basis, ..Self::default() }.with(settings))
            }
            (None, Some(watts)) => Some(Self::bounded(watts.value, seconds, &watts.note("W"), settings)),
            (None, None) => None,
        }
    }

    /// The energy of a device that takes at most `watts`.
    pub fn bounded(watts: f64, seconds: f64, basis: &str, settings: &EnergySettings) -> Self {
        let basis = format!("not measured: {} at {basis}", duration(seconds));
        Self { kwh: watts * seconds / JOULES_PER_KWH, is_bound: true, basis, ..Self::default() }
            .with(settings)
    }

    #[must_use]
    pub fn with(self, settings: &EnergySettings) -> Self {
        Self { price: settings.price.clone(), co2: settings.co2.clone(), ..self }
    }

    /// The energy, and cost and emissions if their rates are known, each with its basis as the exact value.
    pub fn facts(&self) -> Vec<Fact> {
        let value = |figure: f64, unit: &str| {
            let most = if self.is_bound { "at most " } else { "" };
            format!("{most}{} {unit}", figures(figure)).trim_end().to_owned()
        };
        let of = |name, rate: &Rate, unit, per| {
            Fact::new(name, value(self.kwh * rate.value, unit)).exact(rate.note(per))
        };
        let energy = Fact::new("Energy", value(self.kwh, "kWh")).exact(&self.basis);
        let cost = self.price.as_ref().map(|rate| of("Cost of energy", rate, &rate.unit, "per kWh"));
        let co2 = self.co2.as_ref().map(|rate| of("CO₂ of energy", rate, "g", "g per kWh"));
        [energy].into_iter().chain(cost).chain(co2).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<EnergySettings, String> {
        let read =
            |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, text)| (*text).to_owned());
        EnergySettings::from_variables(read)
    }

    #[test]
    fn without_rates_only_measured_energy_is_known() {
        let none = settings(&[("GLASSHOUSE_WATTS", " ")]).unwrap();
        assert_eq!(none, EnergySettings::default());
        assert_eq!(EnergyUse::of_run(3600.0, None, &none), None);
        let metered = MeteredEnergy { joules: 1.8e6, seconds: 3600.0, meter: "a meter".to_owned() };
        let whole = EnergyUse::of_run(3600.0, Some(&metered), &none).unwrap();
        assert_eq!((whole.kwh, whole.is_bound, whole.facts().len()), (0.5, false, 1));
        assert_eq!(whole.basis, "measured by a meter");
        let part = EnergyUse::of_run(7200.0, Some(&metered), &none).unwrap();
        assert!(part.basis.contains("50.0 %"), "{}", part.basis);
    }

    #[test]
    fn power_price_and_grid_bound_energy_cost_and_emissions() {
        let all = settings(&[
            ("GLASSHOUSE_WATTS", "100 (data sheet)"),
            ("GLASSHOUSE_PRICE_PER_KWH", "0.5 EUR (my contract)"),
            ("GLASSHOUSE_CO2_PER_KWH", "400"),
        ]);
        let bound = EnergyUse::of_run(36_000.0, None, &all.unwrap()).unwrap();
        assert!(bound.is_bound && bound.kwh == 1.0);
        let facts = bound.facts();
        let values: Vec<&str> = facts.iter().map(|fact| fact.value.as_str()).collect();
        assert_eq!(values.len(), 3);
        assert!(values.iter().all(|value| value.starts_with("at most ")), "{values:?}");
        assert!(
            values[1].contains("0.5") && values[1].ends_with("EUR") && values[2].contains("400"),
            "{values:?}"
        );
        let notes: Vec<&str> = facts.iter().map(|fact| fact.exact.as_str()).collect();
        assert!(notes[0].contains("data sheet") && notes[1].contains("my contract"), "{notes:?}");
        assert!(notes[2].contains("source not given"), "{notes:?}");
    }

    #[test]
    fn rates_that_are_no_numbers_are_refused_by_name() {
        let watts = settings(&[("GLASSHOUSE_WATTS", "65 W (data sheet)")]).unwrap().watts;
        assert_eq!(watts, settings(&[("GLASSHOUSE_WATTS", "65 (data sheet)")]).unwrap().watts);
        for bad in ["many", "-1", "NaN", "(65)", "0.065 kW (data sheet)"] {
            let error = settings(&[("GLASSHOUSE_WATTS", bad)]).unwrap_err();
            assert!(error.contains("GLASSHOUSE_WATTS") && error.contains(bad), "{error}");
        }
    }
}
