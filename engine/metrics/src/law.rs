//! Scaling laws L(x) = E + A·x^−α (Hoffmann et al. 2022, "Training compute-optimal large language models", approach 3): the Huber loss of
//! log losses, minimised over A and α by Gauss–Newton steps with Huber's weights, for each of a grid of E. With few points, E = 0.
//!
//! Intervals are those of a parametric bootstrap: the fitted curve with new noise, fitted again. The noise of log losses is the larger of
//! the standard error of each evaluation and the residuals' deviation, whose own uncertainty is drawn too, so that a prediction from few
//! runs has an interval as wide as Student's t.

#[cfg(test)]
mod tests;

use crate::statistics::percentiles;
use glasshouse_protocol::random::nth;
use glasshouse_protocol::{Law, LawOf, Prediction, Scaling, SweepRow, SweepState};

/// Minimum points of a law without E, and of one with E: more than parameters.
pub const MIN_POINTS: usize = 3;
pub const MIN_POINTS_IRREDUCIBLE: usize = 5;

/// Larger residuals of log losses count by their size, others by their square, as in Hoffmann et al.
const HUBER: f64 = 1e-3;
const RESAMPLES: u64 = 400;
/// Most iterations; with residuals beyond [`HUBER`], a few dozen are needed.
const ITERATIONS: usize = 100;
/// Iterations end at smaller changes of scale and exponent.
const SETTLED: f64 = 1e-9;
/// Values of E tried, as shares of the lowest loss, and then halvings of their distance around the best one.
const GRID: usize = 24;
const HALVINGS: usize = 12;
/// Separates this random stream from others with the same seed.
const PURPOSE: u64 = 0x6c61_7773;
/// Standard errors in half a 95 % interval.
const HALF: f64 = 1.96;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    pub loss: f64,
    /// Standard error of the loss; 0 if unknown.
    pub error: f64,
}

/// ln L = ln(E + exp(a − α·u)) of u = ln(x/centre).
#[derive(Clone, Copy, Debug)]
struct Curve {
    irreducible: f64,
    scale: f64,
    exponent: f64,
}

impl Curve {
    fn log_loss(&self, u: f64) -> f64 {
        libm::log(self.irreducible + libm::exp(self.scale - self.exponent * u))
    }

    /// The best curve with this E for points (u, ln L), and its Huber loss.
    fn fitted(irreducible: f64, points: &[(f64, f64)]) -> (Self, f64) {
        let excess = |log: f64| libm::log((libm::exp(log) - irreducible).max(1e-12));
        let (scale, slope) = line(points.iter().map(|(u, log)| (*u, excess(*log), 1.0)));
        let mut curve = Self { irreducible, scale, exponent: -slope };
        for _ in 0..ITERATIONS {
            // The derivative by a is the reducible share of the loss, that by −α this share times u.
            let (scale, slope) = line(points.iter().map(|(u, log)| {
                let fitted = curve.log_loss(*u);
                let share = libm::exp(curve.scale - curve.exponent * u - fitted).max(1e-6);
                let residual = log - fitted;
                (*u, residual / share, share * share * (HUBER / residual.abs().max(HUBER)))
            }));
            if !(scale.is_finite() && slope.is_finite()) {
                break;
            }
            curve.scale += scale.clamp(-2.0, 2.0);
            curve.exponent -= slope.clamp(-1.0, 1.0);
            if scale.abs() + slope.abs() < SETTLED {
                break;
            }
        }
        (curve, points.iter().map(|(u, log)| huber(log - curve.log_loss(*u))).sum())
    }

    fn best(points: &[(f64, f64)], has_irreducible: bool) -> Self {
        let mut best = Self::fitted(0.0, points);
        if has_irreducible {
            let lowest = libm::exp(points.iter().map(|(_, log)| *log).fold(f64::INFINITY, f64::min));
            let mut distance = lowest / (GRID + 1) as f64;
            let mut tried: Vec<f64> = (1..=GRID).map(|at| at as f64 * distance).collect();
            for _ in 0..=HALVINGS {
                let usable = tried.iter().filter(|own| (0.0..lowest).contains(*own));
                best = usable
                    .map(|own| Self::fitted(*own, points))
                    .fold(best, |best, own| if own.1 < best.1 { own } else { best });
                distance /= 2.0;
                tried = vec![best.0.irreducible - distance, best.0.irreducible + distance];
            }
        }
        best.0
    }
}

fn huber(residual: f64) -> f64 {
    match residual.abs() {
        size if size <= HUBER => 0.5 * size * size,
        size => HUBER * (size - 0.5 * HUBER),
    }
}

/// Intercept and slope of the weighted least squares of (x, y, weight).
pub fn line(points: impl Iterator<Item = (f64, f64, f64)>) -> (f64, f64) {
    let [mut w, mut wx, mut wy, mut wxx, mut wxy] = [0.0; 5];
    for (x, y, weight) in points {
        w += weight;
        wx += weight * x;
        wy += weight * y;
        wxx += weight * x * x;
        wxy += weight * x * y;
    }
    let slope = (w * wxy - wx * wy) / (w * wxx - wx * wx);
    ((wy - slope * wx) / w, slope)
}

#[derive(Clone, Debug)]
pub struct Fit {
    centre: f64,
    curve: Curve,
    /// Curves of resampled points, each with the deviation of a new log loss and a standard normal number for it.
    resampled: Vec<(Curve, f64, f64)>,
    points: usize,
}

impl Fit {
    pub fn new(points: &[Point]) -> Result<Self, String> {
        let is_usable = |point: &&Point| point.x > 0.0 && point.loss > 0.0 && point.loss.is_finite();
        let points: Vec<&Point> = points.iter().filter(is_usable).collect();
        let mut sizes: Vec<f64> = points.iter().map(|point| point.x).collect();
        glasshouse_protocol::order::sort_by(&mut sizes, f64::total_cmp);
        sizes.dedup();
        let count = sizes.len();
        if count < MIN_POINTS {
            return Err(format!(
                "a law needs the final losses of at least {MIN_POINTS} sizes ({count} so far)"
            ));
        }
        let has_irreducible = count >= MIN_POINTS_IRREDUCIBLE;
        let logs = points.iter().map(|point| libm::log(point.x));
        let centre = libm::exp(logs.sum::<f64>() / points.len() as f64);
        let mut own: Vec<(f64, f64)> =
            points.iter().map(|point| (libm::log(point.x / centre), libm::log(point.loss))).collect();
        let curve = Curve::best(&own, has_irreducible);
        let freedom = points.len() - if has_irreducible { 3 } else { 2 };
        let squares: f64 = own.iter().map(|(u, log)| (log - curve.log_loss(*u)).powi(2)).sum();
        let errors: Vec<f64> = points.iter().map(|point| point.error / point.loss).collect();
        let error = errors.iter().sum::<f64>() / errors.len() as f64;
        let mut resampled = Vec::new();
        for resample in 0..RESAMPLES {
            let mut normal = normals(resample);
            // The residuals' variance divided by a chi-squared number.
            let chi: f64 = (0..freedom).map(|_| normal().powi(2)).sum();
            let deviation = (squares / chi.max(f64::MIN_POSITIVE)).sqrt();
            for (at, (u, log)) in own.iter_mut().enumerate() {
                let error = errors.get(at).copied().unwrap_or_default();
                *log = curve.log_loss(*u) + deviation.max(error) * normal();
            }
            resampled.push((Curve::best(&own, has_irreducible), deviation.max(error), normal()));
        }
        Ok(Self { centre, curve, resampled, points: count })
    }

    fn interval(&self, of: impl Fn(&(Curve, f64, f64)) -> f64) -> [f64; 2] {
        percentiles(self.resampled.iter().map(of).collect()).unwrap_or([f64::NAN; 2])
    }

    pub fn law(&self, of: LawOf) -> Law {
        let Curve { irreducible, scale, exponent } = self.curve;
        let has_irreducible = self.points >= MIN_POINTS_IRREDUCIBLE;
        Law {
            of,
            coefficient: libm::exp(scale + exponent * libm::log(self.centre)),
            exponent,
            exponent_interval: self.interval(|(curve, ..)| curve.exponent),
            irreducible: has_irreducible.then_some(irreducible),
            irreducible_interval: has_irreducible.then(|| self.interval(|(curve, ..)| curve.irreducible)),
            runs: self.points,
        }
    }

    /// The loss at `x` and its 95 % interval, including the noise of a run there.
    pub fn predict(&self, x: f64) -> (f64, [f64; 2]) {
        let u = libm::log(x / self.centre);
        let drawn = |(curve, deviation, normal): &(Curve, f64, f64)| curve.log_loss(u) + deviation * normal;
        (libm::exp(self.curve.log_loss(u)), self.interval(drawn).map(libm::exp))
    }
}

/// Standard normal numbers of a resample (Box and Muller 1958).
fn normals(resample: u64) -> impl FnMut() -> f64 {
    let mut at = 0;
    move || {
        let mut uniform = || {
            at += 1;
            ((nth(resample, PURPOSE, at) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let radius = (-2.0 * libm::log(uniform())).sqrt();
        radius * libm::cos(2.0 * core::f64::consts::PI * uniform())
    }
}

/// The laws of a ladder's finished runs, and the prediction of the largest from the others.
pub fn scaling(rows: &[SweepRow]) -> Scaling {
    let fitted = |rows: &[SweepRow], of: LawOf| {
        let point = |row: &SweepRow| {
            let (size, loss) = (row.size?, f64::from(row.loss?));
            let error = row.interval.map_or(0.0, |[low, high]| f64::from(high - low) / (2.0 * HALF));
            (row.state == SweepState::Finished).then_some(Point { x: size.of(of), loss, error })
        };
        Fit::new(&rows.iter().filter_map(point).collect::<Vec<_>>())
    };
    let mut scaling = Scaling::default();
    for of in [LawOf::Parameters, LawOf::Tokens, LawOf::Flops] {
        match fitted(rows, of) {
            Ok(fit) => scaling.laws.push(fit.law(of)),
            Err(reason) => scaling.missing = Some(reason),
        }
    }
    if let Some((last, others)) = rows.split_last()
        && let Some(size) = last.size
        // Not before all smaller runs have ended, so that it does not change any more.
        && others.iter().all(SweepRow::is_over)
    {
        match fitted(others, LawOf::Parameters) {
            Ok(fit) => {
                let (loss, interval) = fit.predict(size.of(LawOf::Parameters));
                let measured = last.loss.filter(|_| last.state == SweepState::Finished).map(f64::from);
                let error = measured.map(|measured| measured / loss - 1.0);
                scaling.prediction = Some(Prediction { loss, interval, runs: fit.points, measured, error });
            }
            Err(reason) => scaling.missing = Some(reason),
        }
    }
    scaling
}
