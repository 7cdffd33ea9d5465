//! Made-up dictionaries and features.

use glasshouse_protocol::answer;
use glasshouse_protocol::features::{
    ActivatingPassage, DictionaryPlan, DictionaryPoint, DictionarySettings, FeatureCard, FeatureQuery,
    FeatureSummary, GraphEdge, GraphNode, GraphSource, LogitEffect, LossRecovery, Steering, TokenPattern,
};
use glasshouse_protocol::influence::{Influence, InfluenceQuery, InfluentialPassage};
use glasshouse_protocol::inspect::TokenText;

pub const RUN: &str = "2-first-stories";

/// Hook points of a model; wider dictionaries than 4,096 features do not fit.
pub fn overview(kept: &[answer::Dictionary], settings: &DictionarySettings) -> answer::Dictionaries {
    let points = ["blocks.0.mlp.output", "blocks.1.mlp.output", "blocks.1.mlp", "blocks.*.mlp"];
    let fits = settings.width <= 4096;
    answer::Dictionaries {
        run: RUN.to_owned(),
        points: points.map(|name| (name.to_owned(), 64)).to_vec(),
        kept: kept.to_vec(),
        plan: fits.then_some(DictionaryPlan { bytes: 64 << 20, seconds: 92.0 }),
        refused: if fits {
            String::new()
        } else {
            "the device cannot hold the dictionary; lower the width".to_owned()
        },
    }
}

pub fn trained(number: u64, settings: &DictionarySettings) -> answer::Dictionary {
    let point = DictionaryPoint {
        tokens: settings.tokens,
        loss: 2.5,
        explained_variance: 0.9,
        l0: 4.0,
        dead: 0.1,
        revived: 0,
    };
    let recovery = LossRecovery {
        clean: 1.1,
        reconstruction: 1.2,
        zero: 2.2,
        mean: 2.0,
        recovered: Some(0.909),
        explained_variance: 0.91,
        l0: 4.0,
        dead: 0.1,
        tokens: 32_768,
    };
    answer::Dictionary {
        run: RUN.to_owned(),
        number,
        settings: settings.clone(),
        columns: 64,
        device: "a staged device".to_owned(),
        bytes: 64 << 20,
        curve: vec![point],
        recovery: Some(recovery),
        ..answer::Dictionary::default()
    }
}

fn pattern(token: &str) -> TokenPattern {
    TokenPattern { before: None, token: Some(token.to_owned()), precision: 0.875, recall: 0.5 }
}

pub fn features(own: &answer::Dictionary, query: &FeatureQuery) -> answer::Features {
    let listed = |(feature, token): (usize, &str)| FeatureSummary {
        feature,
        name: own.name(feature).map(str::to_owned),
        pattern: Some(pattern(token)),
        density: 0.25 / (feature + 1) as f64,
        max: 3.5,
        token: token.to_owned(),
        raises: vec![" Mia".to_owned()],
        life: None,
        in_text: query.text.as_ref().map(|_| (2.5, token.to_owned())),
    };
    let effect = |token: &str, effect| LogitEffect { token: token.to_owned(), effect };
    let card = |feature| {
        let tokens = [" a", " fox", " named"].into_iter().enumerate();
        let tokens = tokens.map(|(id, text)| TokenText { id: id as u32, text: text.to_owned() }).collect();
        // The last feature is never active.
        let passages = match feature < 9 {
            true => vec![ActivatingPassage { tokens, activations: vec![0.0, 0.5, 3.5], peak: 2 }],
            false => Vec::new(),
        };
        FeatureCard {
            feature,
            name: own.name(feature).map(str::to_owned),
            pattern: (feature < 9).then(|| pattern(" named")),
            density: 0.01,
            max: 3.5,
            raises: vec![effect(" Mia", 1.5)],
            lowers: vec![effect(" the", -0.5)],
            neighbours: vec![(9, 0.92), (2, 0.5)],
            passages,
            history: match query.history {
                true => vec![(10, 0.0), (20, 0.01)],
                false => Vec::new(),
            },
        }
    };
    let all = [" named", " said", ".", "\"", " and", " fox", " was", " ball", " rain"];
    let count = if query.text.is_some() { 2 } else { all.len() };
    answer::Features {
        run: own.run.clone(),
        dictionary: own.number,
        at: own.settings.at.clone(),
        width: own.settings.width,
        tokens: 32_768,
        dead: 3,
        features: match query.feature {
            None => all.into_iter().enumerate().take(count).map(listed).collect(),
            Some(_) => Vec::new(),
        },
        card: query.feature.map(card),
    }
}

pub fn steered(steering: &Steering) -> answer::Steered {
    let Steering { feature, by, clamp, prompt, .. } = steering.clone();
    let (plain, steered) = (" there was a fox.".to_owned(), " there was a boy named Tom.".to_owned());
    answer::Steered { prompt, feature, by, clamp, plain, steered }
}

/// A feature of the first dictionary at the second of three tokens, which the first token and an error cause.
pub fn graph() -> answer::FeatureGraph {
    let text = |(id, text): (usize, &str)| TokenText { id: id as u32, text: text.to_owned() };
    let node = |source, position, effect| GraphNode {
        source,
        position,
        influence: 0.5,
        effect,
        ..GraphNode::default()
    };
    let feature = GraphSource::Feature { block: 1, dictionary: 1, feature: 3 };
    let feature = GraphNode {
        raises: vec![" Mia".to_owned()],
        activation: 2.0,
        ablated: Some(-1.5),
        ..node(feature, 1, 2.0)
    };
    let edge = |from, to, weight| GraphEdge { from, to, weight };
    answer::FeatureGraph {
        run: RUN.to_owned(),
        tokens: [" a", " boy", " named"].into_iter().enumerate().map(text).collect(),
        token: text((3, " Tom")),
        logit: 9.0,
        probability: 0.5,
        errors: 0.25,
        nodes: vec![
            feature,
            node(GraphSource::Token, 0, 1.0),
            node(GraphSource::Error { block: 0 }, 1, -0.5),
        ],
        edges: vec![edge(0, None, 2.0), edge(1, Some(0), 1.0), edge(2, Some(0), -0.5)],
        correlation: Some(0.9),
        ..answer::FeatureGraph::default()
    }
}

pub fn influence(query: &InfluenceQuery) -> Influence {
    let passage = |score| InfluentialPassage { number: 7, text: "A boy named Tom ran.".to_owned(), score };
    Influence {
        run: RUN.to_owned(),
        query: query.clone(),
        helpful: vec![passage(2.0)],
        harmful: vec![passage(-1.0)],
        ..Influence::default()
    }
}
