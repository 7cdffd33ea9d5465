//! Questions about stories in which something goes wrong and is put right, and their summaries.

use super::{About, question};

pub(super) const PLOTS: &[About] = &[
    About {
        plot: "lost-toy",
        questions: &[
            question(
                1,
                ("story-where-look", &[&["looked {here}"]]),
                [
                    &[
                        "Where did {Hero} look first?",
                        "Where did {Hero} look for the {toy}?",
                        "In what place did {Hero} look?",
                    ],
                    &["Tell me where {Hero} looked."],
                    &["Please say where {Hero} looked for the {toy}."],
                ],
                "{here}",
                &[],
            ),
            question(
                2,
                ("story-what-lost", &[&["was gone", "could not find"]]),
                [
                    &["What did {Hero} lose?", "What could {Hero} not find?"],
                    &["Tell me what {Hero} lost."],
                    &["What was {Hero} missing?"],
                ],
                "{his} {colour} {toy}",
                &["{toy}"],
            ),
            question(
                2,
                ("story-what-color-toy", &[&["{colour} {toy}"]]),
                [
                    &["What color was the {toy}?", "Which color did the {toy} have?"],
                    &["Tell me the color of the {toy}."],
                    &["Please say what color {Hero}'s {toy} was."],
                ],
                "{colour}",
                &[],
            ),
            question(
                2,
                ("story-who-help-look", &[&["said {Friend}", "said. \"You are"]]),
                [
                    &["Who helped {Hero}?", "Who wanted to help {Hero} look?"],
                    &["Tell me who helped {Hero}."],
                    &["Whose help did {Hero} get?"],
                ],
                "{Friend}",
                &[],
            ),
            question(
                3,
                ("story-where-found", &[&["{spot}"]]),
                [
                    &["Where did they find the {toy}?", "Where was the {toy} in the end?"],
                    &["Tell me where the {toy} was found."],
                    &["In which place was the {toy} at last?"],
                ],
                "{spot}",
                &[],
            ),
            question(
                3,
                ("story-why-sad-toy", &[]),
                [
                    &["Why was {Hero} sad?", "Why did {Hero} need help?"],
                    &["Tell me why {Hero} was sad."],
                    &["For what reason was {Hero} sad?"],
                ],
                "Because {he} could not find {his} {toy}",
                &["{toy}", "lost|find|gone"],
            ),
        ],
        summaries: [
            ("{Hero} could not find {his} {colour} {toy}.", &["{Hero}", "{toy}", "lost|find|gone"]),
            ("{Hero} lost {his} {toy}, and {Friend} wanted to help.", &["{Hero}", "{toy}", "{Friend}"]),
            (
                "{Hero} lost {his} {toy}, and {Friend} helped {him} find it.",
                &["{Hero}", "{toy}", "{Friend}", "find|found"],
            ),
        ],
    },
    About {
        plot: "broken",
        questions: &[
            question(
                1,
                ("story-where-indoors", &[&["{place}"]]),
                [
                    &["Where was {Hero}?", "In what place was {Hero}?", "Where did {Hero} hit the {dish}?"],
                    &["Tell me where {Hero} was."],
                    &["Please say where {Hero} was."],
                ],
                "in the {place}",
                &[],
            ),
            question(
                2,
                ("story-what-fell", &[&["The {dish} fell"]]),
                [&["What broke?", "What fell down?"], &["Tell me what broke."], &["Which thing was broken?"]],
                "the {colour} {dish}",
                &["{dish}"],
            ),
            question(
                2,
                ("story-what-color-dish", &[&["{colour} {dish}"]]),
                [
                    &["What color was the {dish}?", "Which color did the {dish} have?"],
                    &["Tell me the color of the {dish}."],
                    &["Please say what color the {dish} was."],
                ],
                "{colour}",
                &[],
            ),
            question(
                3,
                ("story-who-advice", &[]),
                [
                    &["Who told {Hero} what to do?", "Who said that {Hero} should tell {his} {elder}?"],
                    &["Tell me who told {Hero} what to do."],
                    &["Whose words helped {Hero} to tell the truth?"],
                ],
                "{Friend}",
                &[],
            ),
            question(
                3,
                ("story-why-sorry", &[]),
                [
                    &["Why did {Hero} say sorry?", "Why was {Hero} sorry?"],
                    &["Tell me why {Hero} was sorry."],
                    &["For what reason was {Hero} sorry?"],
                ],
                "Because {he} broke the {dish}",
                &["{dish}", "broke|broken|hit"],
            ),
        ],
        summaries: [
            ("{Hero} hit the {colour} {dish} in the {place}.", &["{Hero}", "{dish}", "{place}"]),
            ("{Hero} broke the {dish} and told {his} {elder}.", &["{Hero}", "{dish}", "{elder}"]),
            (
                "{Hero} broke the {dish}, told {his} {elder} the truth, and {his} {elder} was not angry.",
                &["{Hero}", "{dish}", "truth|told|sorry", "{elder}"],
            ),
        ],
    },
    About {
        plot: "afraid",
        questions: &[
            question(
                1,
                ("story-who-afraid", &[&["afraid of {fear}"]]),
                [
                    &["Who was afraid of {fear}?", "Who did not like {fear}?", "Who feared {fear}?"],
                    &["Tell me who was afraid of {fear}."],
                    &["Please say who was afraid of {fear}."],
                ],
                "{Hero}",
                &[],
            ),
            question(
                2,
                ("story-what-fear", &[&["afraid of {fear}"]]),
                [
                    &["What was {Hero} afraid of?", "What did {Hero} fear?"],
                    &["Tell me what {Hero} was afraid of."],
                    &["What made {Hero} scared?"],
                ],
                "{fear}",
                &[],
            ),
            question(
                3,
                ("story-who-brave", &[]),
                [
                    &["Who helped {Hero} to be brave?", "Who helped {Hero}?"],
                    &["Tell me who helped {Hero} to be brave."],
                    &["Thanks to whom was {Hero} brave?"],
                ],
                "{Friend}",
                &[],
            ),
            question(
                3,
                ("story-how-help", &[]),
                [
                    &["What did {Friend} do to help {Hero}?", "How did {Friend} help {Hero}?"],
                    &["Tell me how {Friend} helped {Hero}."],
                    &["In what way did {Friend} help?"],
                ],
                "{Friend} {help}",
                &["{help}"],
            ),
        ],
        summaries: [
            ("{Hero} was afraid of {fear}.", &["{Hero}", "{fear}"]),
            ("{Hero} was afraid of {fear}, and {Friend} came to help.", &["{Hero}", "{fear}", "{Friend}"]),
            (
                "{Hero} was afraid of {fear}, but {Friend} helped {him} to be brave.",
                &["{Hero}", "{fear}", "{Friend}", "brave|safe|not afraid|not so scared"],
            ),
        ],
    },
    About {
        plot: "stuck",
        questions: &[
            question(
                1,
                ("story-where-walk", &[&["{walk}"]]),
                [
                    &["Where did {Hero} walk?", "Where did {Hero} go?", "Where did {Hero} go for a walk?"],
                    &["Tell me where {Hero} walked."],
                    &["Please say where {Hero} went."],
                ],
                "{walk}",
                &[],
            ),
            question(
                2,
                ("story-who-stuck", &[&["stuck {trap}"]]),
                [
                    &["Who was stuck?", "Who needed help?"],
                    &["Tell me who was stuck."],
                    &["Which animal could not get out?"],
                ],
                "a little {small}",
                &["{small}"],
            ),
            question(
                2,
                ("story-where-stuck", &[&["stuck {trap}"]]),
                [
                    &["Where was the {small}?", "Where was the {small} stuck?"],
                    &["Tell me where the {small} was stuck."],
                    &["In which place was the {small}?"],
                ],
                "{trap}",
                &[],
            ),
            question(
                3,
                ("story-who-pull", &[]),
                [
                    &["Who helped {Hero} pull?", "Who came when {Hero} called?"],
                    &["Tell me who helped {Hero} pull."],
                    &["Together with whom did {Hero} pull?"],
                ],
                "{Friend}",
                &[],
            ),
            question(
                3,
                ("story-why-call", &[]),
                [
                    &["Why did {Hero} call {Friend}?", "Why did {Hero} need {Friend}?"],
                    &["Tell me why {Hero} called {Friend}."],
                    &["For what reason did {Hero} call {Friend}?"],
                ],
                "Because {he} could not help the {small} alone",
                &["{small}", "alone|strong|hard|stuck"],
            ),
        ],
        summaries: [
            (
                "{Hero} went for a walk and heard someone cry for help.",
                &["{Hero}", "walk|walked", "heard|voice|cry|help"],
            ),
            ("{Hero} found a little {small} that was stuck {trap}.", &["{Hero}", "{small}", "stuck"]),
            (
                "{Hero} and {Friend} helped a little {small} that was stuck {trap}.",
                &["{Hero}", "{Friend}", "{small}", "stuck|free"],
            ),
        ],
    },
    About {
        plot: "rain",
        questions: &[
            question(
                1,
                ("story-where-want-to-go", &[&["to go to {goal}"]]),
                [
                    &[
                        "Where did {Hero} and {Friend} want to go?",
                        "Where did they want to go?",
                        "To what place did {Hero} want to go?",
                    ],
                    &["Tell me where they wanted to go."],
                    &["Please say where {Hero} wanted to go."],
                ],
                "to {goal}",
                &[],
            ),
            question(
                2,
                ("story-what-weather", &[&["rain"]]),
                [
                    &["What was the weather like?", "What came from the sky?"],
                    &["Tell me what came down from the sky."],
                    &["What kind of weather came?"],
                ],
                "rain",
                &["rain|rained|rainy"],
            ),
            question(
                3,
                ("story-what-inside", &[]),
                [
                    &["What did they do inside?", "What did {Hero} and {Friend} do at home?"],
                    &["Tell me what they did inside."],
                    &["How did they have fun inside?"],
                ],
                "They {game}",
                &["{game}"],
            ),
            question(
                3,
                ("story-who-idea", &[]),
                [
                    &["Who had a good idea?", "Whose idea was it?"],
                    &["Tell me who had the good idea."],
                    &["From whom did the good idea come?"],
                ],
                "{Friend}",
                &[],
            ),
            question(
                3,
                ("story-why-sad-rain", &[]),
                [
                    &["Why was {Hero} sad?", "Why did they not go to {goal}?"],
                    &["Tell me why they stayed at home."],
                    &["For what reason did they stay inside?"],
                ],
                "Because it rained and they could not go to {goal}",
                &["rain|rained", "{goal}|go"],
            ),
        ],
        summaries: [
            ("{Hero} and {Friend} wanted to go to {goal}.", &["{Hero}", "{Friend}", "{goal}"]),
            (
                "{Hero} and {Friend} wanted to go to {goal}, but it rained.",
                &["{Hero}", "{Friend}", "{goal}", "rain|rained"],
            ),
            ("It rained, so {Hero} and {Friend} {game}.", &["{Hero}", "{Friend}", "rain|rained", "{game}"]),
        ],
    },
    About {
        plot: "lost-way",
        questions: &[
            question(
                1,
                ("story-who-followed", &[&["ran after it", "followed it"]]),
                [
                    &["Who went after the {bug}?", "Who followed the {bug}?", "Who saw the {bug}?"],
                    &["Tell me who went after the {bug}."],
                    &["Please say who went after the {bug}."],
                ],
                "{Hero}",
                &[],
            ),
            question(
                2,
                ("story-what-saw", &[&["{colour} {bug}"]]),
                [
                    &["What did {Hero} see?", "What did {Hero} go after?"],
                    &["Tell me what {Hero} saw."],
                    &["Which thing did {Hero} see?"],
                ],
                "a(n) {colour} {bug}",
                &["{bug}"],
            ),
            question(
                2,
                ("story-what-color-bug", &[&["{colour} {bug}"]]),
                [
                    &["What color was the {bug}?", "Which color did the {bug} have?"],
                    &["Tell me the color of the {bug}."],
                    &["Please say what color the {bug} was."],
                ],
                "{colour}",
                &[],
            ),
            question(
                3,
                ("story-who-guide", &[]),
                [
                    &["Who helped {Hero} find the way home?", "Who went home with {Hero}?"],
                    &["Tell me who helped {Hero} find the way."],
                    &["With whose help did {Hero} come home?"],
                ],
                "the {guide}",
                &["{guide}"],
            ),
            question(
                3,
                ("story-why-lost", &[]),
                [
                    &["Why was {Hero} afraid?", "Why did {Hero} need help?"],
                    &["Tell me why {Hero} needed help."],
                    &["For what reason did {Hero} need help?"],
                ],
                "Because {he} was lost",
                &["lost|the way"],
            ),
        ],
        summaries: [
            ("{Hero} went after a(n) {colour} {bug}.", &["{Hero}", "{bug}"]),
            ("{Hero} was lost, and a(n) {guide} came to help.", &["{Hero}", "lost|way", "{guide}"]),
            (
                "{Hero} was lost in the woods, and a(n) {guide} helped {him} find {his} home.",
                &["{Hero}", "lost|way", "{guide}", "home"],
            ),
        ],
    },
    About {
        plot: "tree",
        questions: &[
            question(
                1,
                ("story-where-tree-play", &[&["played {field}"]]),
                [
                    &[
                        "Where did {Hero} play?",
                        "In what place did {Hero} play?",
                        "Where was {Hero} with the {toy}?",
                    ],
                    &["Tell me where {Hero} played."],
                    &["Please say where {Hero} played."],
                ],
                "{field}",
                &[],
            ),
            question(
                2,
                ("story-what-in-tree", &[&["a tree"]]),
                [
                    &["What was up in the tree?", "What flew up?"],
                    &["Tell me what flew into the tree."],
                    &["Which thing was in the tree?"],
                ],
                "the {colour} {toy}",
                &["{toy}"],
            ),
            question(
                2,
                ("story-what-color-tree-toy", &[&["{colour} {toy}"]]),
                [
                    &["What color was the {toy}?", "Which color did the {toy} have?"],
                    &["Tell me the color of the {toy}."],
                    &["Please say what color the {toy} was."],
                ],
                "{colour}",
                &[],
            ),
            question(
                3,
                ("story-how-down", &[]),
                [
                    &["How did the {toy} come down?", "What or who helped them?"],
                    &["Tell me how the {toy} came down."],
                    &["In what way did the {toy} come back?"],
                ],
                "{tall} helped",
                &["{tall}"],
            ),
            question(
                3,
                ("story-why-help-tree", &[]),
                [
                    &["Why did they need help?", "Why could {Hero} not get the {toy}?"],
                    &["Tell me why they needed help."],
                    &["For what reason did they need help?"],
                ],
                "Because the {toy} was up in a tree",
                &["{toy}", "tree"],
            ),
        ],
        summaries: [
            ("{Hero}'s {colour} {toy} flew up into a tree.", &["{Hero}", "{toy}", "tree"]),
            (
                "{Hero} and {Friend} could not get the {toy} out of the tree.",
                &["{Hero}", "{Friend}", "{toy}", "tree"],
            ),
            (
                "{Hero}'s {toy} was up in a tree, and {tall} helped to get it down.",
                &["{Hero}", "{toy}", "tree", "{tall}"],
            ),
        ],
    },
    About {
        plot: "noise",
        questions: &[
            question(
                1,
                ("story-who-heard", &[&["noise"]]),
                [
                    &["Who heard a noise?", "Who was it that heard a noise?", "Who heard something?"],
                    &["Tell me who heard the noise."],
                    &["Please say who heard the noise."],
                ],
                "{Hero}",
                &[],
            ),
            question(
                2,
                ("story-what-heard", &[&["noise"]]),
                [
                    &["What did {Hero} hear?", "What came in the night?"],
                    &["Tell me what {Hero} heard."],
                    &["Which thing did {Hero} hear?"],
                ],
                "a noise",
                &["noise"],
            ),
            question(
                3,
                ("story-what-cause", &[]),
                [
                    &["What made the noise?", "What was it in the end?"],
                    &["Tell me what made the noise."],
                    &["Where did the noise come from?"],
                ],
                "{cause}",
                &[],
            ),
            question(
                3,
                ("story-why-up", &[]),
                [
                    &["Why did {Hero} go to the door?", "Why did {Hero} get up?"],
                    &["Tell me why {Hero} got up."],
                    &["For what reason did {Hero} get up at night?"],
                ],
                "Because {he} heard a strange noise",
                &["noise"],
            ),
        ],
        summaries: [
            ("{Hero} heard a strange noise at night.", &["{Hero}", "noise"]),
            ("{Hero} heard a noise at night and went to look.", &["{Hero}", "noise", "look|door|brave"]),
            ("{Hero} heard a noise at night, but it was only {cause}.", &["{Hero}", "noise", "{cause}"]),
        ],
    },
];
