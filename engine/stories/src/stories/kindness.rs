//! Plots about giving, making, learning and making up.

use super::plots::{self, Plot};

pub(super) const PLOTS: &[Plot] = &[SHARING, LEARNING, SEED, GIFT, QUARREL, NEWCOMER, COLD, STAR];

const SHARING: Plot = Plot {
    name: "sharing",
    strangers: false,
    closings: plots::OUTSIDE,
    slots: &[
        ("food", &["apples", "cookies", "berries", "nuts", "pears", "carrots", "pancakes"]),
        ("other", &["bread", "honey", "soup", "cheese", "cake", "jam"]),
        ("number", &["two", "three", "four", "five", "six"]),
        ("seat", &["under a tree", "on a big rock", "by the river", "in the sun", "on a bench"]),
    ],
    opening: &[
        &[
            "One {weather} day, {Hero} had {number} {food}.",
            "One {time}, {his} {elder} gave {him} {number} {food}.",
        ],
        &["{He} sat down {seat} to eat them.", "They smelled so good."],
    ],
    middle: &[
        &[
            "Then {Friend} came by. {fHe} looked hungry.",
            "{Friend} sat next to {him}. {fHe} had nothing to eat.",
        ],
        &["\"I am so hungry,\" said {Friend}.", "\"May I have some {food}?\" asked {Friend}."],
        &["{Hero} wanted to eat all the {food} {himself}.", "At first, {Hero} did not want to share."],
        &["But {Friend} looked so sad.", "Then {he} thought about {his} friend."],
        &["\"Here you are,\" said {Hero}. \"We can share.\"", "\"Take some of my {food},\" said {Hero}."],
    ],
    ending: &[
        &[
            "They ate the {food} together, and the {food} tasted even better.",
            "{Friend} ate and smiled. \"Thank you, {Hero},\" {fhe} said.",
        ],
        &[
            "The next day, {Friend} came with some {other} and shared it with {Hero}.",
            "\"It is good to share,\" said {Hero}.",
        ],
    ],
};

const LEARNING: Plot = Plot {
    name: "learning",
    strangers: false,
    closings: plots::OUTSIDE,
    slots: &[
        ("skill", &["swim", "ride a bike", "climb a tree", "skate", "dance", "jump over the stream"]),
        ("fall", &["fell down", "lost {his} balance", "bumped {his} knee", "fell into the mud"]),
    ],
    opening: &[
        &["{Hero} wanted to learn to {skill}.", "More than anything, {Hero} wanted to {skill}."],
        &["{Friend} could {skill} very well.", "It looked so easy when {Friend} did it."],
    ],
    middle: &[
        &["One {time}, {Hero} tried for the first time. {He} {fall}.", "{Hero} tried, but {he} {fall}."],
        &["{He} tried again, and again it did not work.", "{He} tried two more times, but it was too hard."],
        &["\"I will never learn it,\" said {Hero}.", "\"I give up,\" said {Hero}. {He} was angry."],
        &[
            "\"Try one more time,\" said {Friend}. \"I will show you how.\"",
            "\"Do not give up,\" said {Friend}. \"I fell down many times too.\"",
        ],
        &["So {Hero} went slowly and did not give up.", "Day after day, {Hero} tried again."],
    ],
    ending: &[
        &[
            "And then, at last, {Hero} could {skill}!",
            "One {weather} day, {Hero} could {skill} all by {himself}.",
        ],
        &[
            "\"I did it!\" {he} cried.",
            "\"You did it!\" said {Friend}.",
            "\"Look at me!\" {he} said, and {Friend} clapped.",
        ],
    ],
};

const SEED: Plot = Plot {
    name: "seed",
    strangers: false,
    closings: plots::AT_HOME,
    slots: &[
        ("plant", &["flower", "pumpkin", "apple tree", "sunflower", "bean", "rose"]),
        ("ground", &["in the garden", "near the house", "by the fence", "in a(n) {colour} pot"]),
    ],
    opening: &[
        &[
            "One day in {season}, {Hero} found a small seed.",
            "One {time}, {his} {elder} gave {him} a little seed.",
        ],
        &["{He} planted it {ground}.", "{He} put it into the ground {ground}."],
    ],
    middle: &[
        &["Every day {he} gave it water.", "Every morning {he} gave it some water and sang to it."],
        &["But nothing happened.", "But nothing came up, and {Hero} was sad."],
        &["\"When will it grow?\" {he} asked {his} {elder}.", "\"It does not grow,\" {he} said to {Friend}."],
        &[
            "\"You must wait,\" was the answer. \"Good things take time.\"",
            "\"Be patient, and the sun will help,\" was the answer.",
        ],
        &["{Hero} waited and waited.", "So {Hero} waited for many days."],
    ],
    ending: &[
        &["Then one {time}, there was a small green leaf!", "One {weather} day, something green came up."],
        &["It grew and grew into a beautiful {plant}.", "Soon it was a big {plant}."],
        &["\"Look how tall it is!\" said {Friend}.", "{Hero} was very proud of {his} {plant}."],
    ],
};

const GIFT: Plot = Plot {
    name: "gift",
    strangers: false,
    closings: plots::OUTSIDE,
    slots: &[
        (
            "present",
            &["picture", "crown of flowers", "little boat", "song", "warm scarf", "paper star", "sweet cake"],
        ),
        ("want", &["a new bike", "a big toy", "a gold ring", "a shiny box"]),
    ],
    opening: &[
        &["It was {Friend}'s birthday.", "The next day was {Friend}'s birthday."],
        &[
            "{Hero} wanted to give {fhim} {want}, but {he} had no money.",
            "{Hero} did not have a present, and {he} had no money.",
        ],
    ],
    middle: &[
        &["\"What can I do?\" {he} asked {his} {elder}.", "{He} went to {his} {elder} and asked for help."],
        &[
            "\"You can make something,\" said {his} {elder}.",
            "\"The best gifts come from the heart,\" {ehe} said.",
        ],
        &["So {Hero} made a {present}.", "{Hero} sat down and made a {present}."],
        &["{He} worked all day.", "It took a long time, but {he} did not stop."],
        &[
            "At the party, {Hero} was shy. \"It is only a {present},\" {he} said.",
            "{Hero} gave it to {Friend}. \"I made this {present} for you,\" {he} said.",
        ],
    ],
    ending: &[
        &[
            "\"You made it for me?\" asked {Friend}. \"I love it!\"",
            "{Friend} had a big smile. \"It is the best gift of all,\" {fhe} said.",
        ],
        &[
            "They hugged each other and ate cake.",
            "Everyone at the party clapped.",
            "{Hero} felt warm inside.",
        ],
    ],
};

const QUARREL: Plot = Plot {
    name: "quarrel",
    strangers: false,
    closings: plots::OUTSIDE,
    slots: &[
        ("toy", &["drum", "ball", "train", "wagon", "doll", "bucket", "kite"]),
        ("play", &["in the yard", "in the sand", "on the grass", "near the barn", "at the beach"]),
    ],
    opening: &[
        &["One {time}, {Hero} and {Friend} played {play}.", "One {weather} day, {Hero} met {Friend} {play}."],
        &[
            "There was only one {colour} {toy}, and they both wanted it.",
            "They both wanted to play with the {colour} {toy}.",
        ],
    ],
    middle: &[
        &["\"It is mine!\" said {Hero}.", "\"Give it to me!\" said {Hero}."],
        &["\"No, I had it first!\" said {Friend}.", "\"No, it is my turn!\" said {Friend}."],
        &["They pulled and pulled, and the {toy} broke.", "They pulled hard. Crack! The {toy} broke."],
        &["Now they were both sad.", "{Friend} cried, and {Hero} felt bad."],
        &["\"I am sorry,\" said {Hero}.", "\"I am sorry I was mean,\" said {Hero}."],
        &["\"I am sorry too,\" said {Friend}.", "\"Me too,\" said {Friend}. \"Let us be friends again.\""],
    ],
    ending: &[
        &[
            "They fixed the {toy} together.",
            "They went to {his} {elder}, and {ehe} helped them fix the {toy}.",
        ],
        &[
            "After that, they took turns.",
            "\"You can go first,\" said {Hero}.",
            "Then they played with it together, and no one was angry.",
        ],
    ],
};

const NEWCOMER: Plot = Plot {
    name: "newcomer",
    strangers: true,
    closings: plots::OUTSIDE,
    slots: &[
        ("where", &["by the pond", "at school", "in the park", "near the old tree", "by the gate"]),
        ("game", &["hide and seek", "tag", "with the ball", "in the sand", "a new game"]),
    ],
    opening: &[
        &[
            "One {time}, {he} saw a(n) {fkind} {where}.",
            "One {weather} day, a new {fkind} came. {fHe} stood alone {where}.",
        ],
        &["{fHe} did not play with anyone.", "{fHe} looked at the ground and did not say a word."],
    ],
    middle: &[
        &["\"{fHe} looks lonely,\" thought {Hero}.", "{Hero} felt sorry for {fhim}."],
        &[
            "{Hero} was a little shy, but {he} walked up to {fhim}.",
            "So {Hero} went up to {fhim} and smiled.",
        ],
        &[
            "\"Hello. My name is {Hero}. What is your name?\" {he} asked.",
            "\"Hi, I am {Hero}. Who are you?\" {he} asked.",
        ],
        &[
            "\"My name is {Friend},\" said the {fkind}. \"I have no friends here.\"",
            "\"I am {Friend},\" {fhe} said. \"I am new here.\"",
        ],
        &[
            "\"I can be your friend,\" said {Hero}. \"Do you want to play?\"",
            "\"Come and play with us,\" said {Hero}.",
        ],
    ],
    ending: &[
        &[
            "{Friend} smiled for the first time that day.",
            "{Friend} was so happy. \"Yes, please!\" {fhe} said.",
        ],
        &["They played {game} all {time}.", "They ran and played {game}."],
    ],
};

const COLD: Plot = Plot {
    name: "cold",
    strangers: false,
    closings: plots::AT_HOME,
    slots: &[
        ("warm", &["coat", "hat", "scarf", "blanket", "sweater"]),
        ("snow", &["made a snowman", "walked in the snow", "played in the snow", "went out into the snow"]),
    ],
    opening: &[
        &["It was winter, and snow lay on the ground.", "One winter day, it was very cold."],
        &["{Hero} put on {his} {colour} {warm} and went outside.", "{Hero} had a warm {colour} {warm}."],
    ],
    middle: &[
        &["{He} and {Friend} {snow}.", "{He} met {Friend}, and they {snow}."],
        &[
            "But {Friend} was cold. {fHe} had no {warm}.",
            "But {Friend} began to shake. \"I am so cold,\" {fhe} said.",
        ],
        &["{Hero} looked at {his} {warm}. {He} loved it very much.", "{Hero} thought for a moment."],
        &["\"You can have my {warm},\" {he} said.", "Then {he} gave {fhim} the {colour} {warm}."],
        &["\"But now you will be cold,\" said {Friend}.", "\"Are you sure?\" asked {Friend}."],
        &["\"I can run to stay warm,\" said {Hero}.", "\"I have another one at home,\" said {Hero}."],
    ],
    ending: &[
        &[
            "When they came home, {his} {elder} made hot soup for both of them.",
            "{His} {elder} saw it and said, \"You have a good heart.\"",
        ],
        &["They sat by the fire and were warm.", "Soon {Hero} had a new {warm}, and it was just as warm."],
    ],
};

const STAR: Plot = Plot {
    name: "star",
    strangers: false,
    closings: plots::AT_NIGHT,
    slots: &[
        ("light", &["moon", "star", "brightest star"]),
        ("net", &["a net", "a long stick", "a bucket", "a(n) {colour} bag"]),
        ("water", &["pond", "lake", "river", "well"]),
    ],
    opening: &[
        &["One night, {Hero} looked up at the {light}.", "Every night, {Hero} looked at the {light}."],
        &["\"I want to have it,\" {he} said.", "\"It is so pretty. I want to catch it,\" {he} said."],
    ],
    middle: &[
        &["{He} took {net} and went out.", "{Hero} climbed a hill with {net}, but the sky was too far away."],
        &[
            "Then {he} saw the {light} in the {water}.",
            "Then {he} came to the {water}, and there was the {light} in it.",
        ],
        &[
            "{He} tried to catch it. Splash! There was only water.",
            "{He} reached for it and fell in with a big splash.",
        ],
        &["{Friend} came and helped {him} out.", "{Friend} saw {him} and laughed a little."],
        &[
            "\"You cannot catch the {light},\" said {Friend}. \"It lives in the sky.\"",
            "\"The {light} is for everyone,\" said {Friend}.",
        ],
    ],
    ending: &[
        &[
            "So they sat down and looked up at the sky together.",
            "They lay on the grass and looked at the sky.",
        ],
        &[
            "\"It is better to look at it with a friend,\" said {Hero}.",
            "\"It shines for you and for me,\" said {Friend}.",
        ],
    ],
};
