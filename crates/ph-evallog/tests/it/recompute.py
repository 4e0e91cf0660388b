"""Reads a log's results and reductions, has Inspect compute them anew from the samples, prints both as JSON."""

import json
import sys

from inspect_ai.log import read_eval_log, recompute_metrics


def computed(log):
    return {
        "total": log.results.total_samples,
        "scores": {
            score.scorer: [
                score.reducer,
                score.scored_samples,
                score.unscored_samples,
                round(score.metrics["accuracy"].value, 12),
            ]
            for score in log.results.scores
        },
        "reductions": {
            one.scorer: [one.reducer, {str(sample.sample_id): round(float(sample.value), 12) for sample in one.samples}]
            for one in log.reductions
        },
    }


log = read_eval_log(sys.argv[1])
ours = computed(log)
recompute_metrics(log)
print(json.dumps({"ours": ours, "theirs": computed(log)}))
