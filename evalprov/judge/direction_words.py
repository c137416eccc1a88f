"""The words that metrics are named with, and what each says of which way is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.judge.rules import Direction


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What goes wrong, how far off it is, and what it costs.
LOWER = _words("""
    abandoned abuse acer apcer assd bias biased bouldin bpb bpc bpcer brier brisque bugs bytes cer chamfer churn
    collision collisions complaint complaints confused contamination contradiction contradictions contradictory cost
    costs crash crashed crashes crps deception deceptive defects deletions deviance discrimination disparity
    distance dists divergence downtime dropped duplicate duplicated duplicates duration durations e2el ece eer
    elapsed emd endpoint epe err error errored errors escalation escalations eur evasion exceeded exceptions
    exploited fabricated fabrication fad fail failed failing fails failure failures faults fdr fid flakiness flaky
    fnr forgetting fpr fragmentations frechet frr fvd hallucinated hallucination hallucinations harm harmful
    harmfulness harms hausdorff hter hurtful illegal incoherence incoherent incomplete incompleteness inconsistency
    inconsistent incorrect infractions insecure insertions interventions invalid irrelevance irrelevant itl jer
    jitter joules kid laal lagging latencies latency leak leakage leaked leaks levenshtein log_loss loss losses
    lpips mae malformed malicious maliciousness mape mase mb mcd mdape mean_rank medr meltdown memory metricx millis
    milliseconds minade minfde minutes misclassification misclassified misinformation mislabeled mismatch mismatches
    misses missing mistake mistakes misuse mpjpe ms mse msle mttr niqe nll nme nrmse nsfw offensive outages
    overconfidence overhead overrefusal overrefusals penalties penalty perplexities perplexity pii pinball ppl
    preemptions price profanity racism racist redundant regressions regret rejected repetition repetitions restarts
    retries retry rmse rmsle rss rtf runtime sec seconds secs sensationalism sexism sfid slur slurs smape spend
    spent substitutions sycophancy sycophantic ter time timeout timeouts tokens toxic toxicity tpot ttft unanswered
    uncorrected unfair unfairness unfaithful ungrounded unnecessary unparsable unparseable unresolved unsafe
    unsolved unsupported untruthful usd vibration violation violations vram vulnerabilities vulnerability vulnerable
    wape warnings waste wasted watts wer wil winkler wrong
""")
# What goes well, and how near it is.
HIGHER = _words("""
    acc accepted accuracies accuracy accurate adherence agreement aligned alignment anls appropriateness arenascore
    ari attainment auc aupr auprc auroc avoided bandwidth bartscore bertscore bleu bleurt bpref captured chrf cider
    clarity coherence comet cometkiwi completeness completion conciseness correct correctly correctness correlation
    cosine csat ctr d2 dcg dice dnsmos dunn elo em empathy engagement entailed entailment estoi exact f1 factscore
    factual factuality fairness faithful faithfulness fbeta fixed fluency fscore fscores generalization geneval gleu
    goodput grounded groundedness harmlessness helpful helpfulness hit hits honesty hota hpsv2 idf1 imagereward
    improvement informativeness informedness iou jaccard kappa kendall kge lift likability map match matched matches
    matthews mauve mcc meteor mfu miou mos mota moverscore mrr msssim mtbf mttf musiq naturalness ndcg nisqa nps npv
    nse ok oks pass passed passes passing pck pearson pearsonr persuasiveness pesq pickscore politeness ppv pq
    precision prevented psnr quality qwk r2 rating readability recall recovered relevance relevancy relevant
    resolved retention reward rewards robustness roc rouge rouge1 rouge2 rougel rougelsum rps rtfx sacrebleu safe
    safety sari satisfaction saved savings sdr si_sdr silhouette similarity sir snr solved sota spbleu spearman
    spearmanr specificity speedup spice spl ssim stoi succeeded success successes successful supported teds tflops
    throughput tnr tpr trueskill truthful truthfulness usefulness utility utmos valid visqol vmaf win winrate wins
    wip yisi youden
""")
# Of these more is better only where nothing beside them says what they measure.
WEAK = _words("""
    agieval aime alpacaeval arc bbh bench benchmark bfcl bigcodebench boolq browsecomp ceval chartqa cmmlu
    commonsenseqa docvqa evaluation glue gpqa grade graded gsm gsm8k hellaswag hle humaneval humanevalplus ifeval
    lambada livecodebench longbench longmemeval mathvista mbpp medqa mgsm mmlu mmmu mmstar mnli mtbench musr
    naturalquestions openbookqa osworld performance piqa points pubmedqa qnli rubric scicode score scores simpleqa
    siqa sst2 superglue swebench triviaqa truthfulqa webarena winogrande
""")
# A name with one of these may mean the reverse, or no quality at all.
UNSURE = _words("""
    adversarial adversary budget ci confidence delta diff eps epsilon free honest id limit lower_bound measurement
    minefield no non not on prevalence sd se stat stats std stddev stderr stereotype stereotypes target threshold
    unlearning upper uptime var variance without wmdp
""")
# Numbers of things: beside a weak word or an amount they make it no quality.
COUNTING = _words("num n count counts size sizes len length total_of number samples questions seed version budgeted")
# Who means harm: that they succeed is bad, that they are refused is good.
HOSTILE = _words("""
    attack attacker attackers attacks backdoor backdoors exploit exploits hijack hijacking injection injections
    jailbreak jailbreaks jailbroken malware phishing poisoning
""")
SUCCESSES = _words("success successes successful succeeded")
JAILBREAKS = _words("jailbreak jailbreaks jailbroken")
HARMFUL = HOSTILE | _words("harmful unsafe malicious toxic illegal dangerous forbidden disallowed")
HARMLESS = _words("over false benign safe wrong wrongful unnecessary harmless false_positive")
REFUSING = _words("refusal refusals refused refuse refuses")
WITHSTANDING = _words("resistance resilience defense defence defended resisted blocked robustness")
# What becomes of the thing that is named before.
LESSENED = _words("reduction reduced recovery recovered prevention prevented mitigation mitigated avoided avoidance")
WORSENED = _words("drop drops gap degradation decline regression deterioration")
ERRORS = _words("error errors err loss")
DETECTING = _words("detection detector detecting classification classifier")
# What a detector of bad things is itself measured by.
OF_DETECTORS = _words("f1 auc auroc accuracy acc recall precision")
LASTING = _words("time steps turns calls days hours runs requests tasks episodes actions")
# Before what is waited for; more of it is better where that is a breakdown.
UNTIL = _words("to until before between")
BREAKDOWN = _words("failure failures fail error errors crash crashes breakdown breakdowns incident incidents outage")
# Work that is done: of which more in a second, or for a dollar, is better.
WORK = _words("""
    batches bytes calls chars docs documents episodes examples flops frames gb image images it items iterations its
    kb mb queries query req reqs request requests rows sample samples score step steps tasks tflops tok token tokens
    toks words
""")
RESOURCE = _words("second seconds s sec secs minute minutes min hour hours h joule joules dollar dollars usd watt")
# Of which nothing can be said where other words say which part of the traffic they are.
AMOUNTS = _words("bytes mb tokens")
TRAFFIC = _words("input output prompt completion generated num max n count sequence context")
# Words in a row that mean something else than they do apart.
PHRASES: Mapping[tuple[str, ...], Direction | None] = {
    ("noise", "sensitivity"): "lower",
    ("prompt", "sensitivity"): "lower",
    ("self", "bleu"): "lower",
    ("real", "time", "factor"): "lower",
    ("inverse", "real", "time", "factor"): "higher",
    ("short", "time", "objective", "intelligibility"): "higher",
    ("signal", "noise", "ratio"): "higher",
    ("signal", "distortion", "ratio"): "higher",
    ("information", "lost"): "lower",
    ("info", "lost"): "lower",
    ("info", "preserved"): "higher",
    ("fall", "out"): "lower",
    ("miss", "rate"): "lower",
    ("loop", "rate"): "lower",
    ("loss", "rate"): "lower",
    ("bounce", "rate"): "lower",
    ("false", "positive"): "lower",
    ("false", "positives"): "lower",
    ("false", "negative"): "lower",
    ("false", "negatives"): "lower",
    ("false", "discovery"): "lower",
    ("false", "omission"): "lower",
    ("false", "alarm"): "lower",
    ("false", "alarms"): "lower",
    ("false", "accept"): "lower",
    ("false", "reject"): "lower",
    ("true", "positive"): "higher",
    ("true", "positives"): "higher",
    ("true", "negative"): "higher",
    ("true", "negatives"): "higher",
    ("negative", "predictive"): "higher",
    ("positive", "likelihood", "ratio"): "higher",
    ("negative", "likelihood", "ratio"): "lower",
    ("perceptual", "image", "patch", "similarity"): "lower",
    ("ranked", "probability", "score"): "lower",
    ("perceptual", "path", "length"): "lower",
    ("interval", "score"): "lower",
    ("energy", "score"): "lower",
    ("spectral", "angle"): "lower",
    ("spectral", "distortion"): "lower",
    ("cepstral", "distortion"): "lower",
    ("edit", "rate"): "lower",
    ("mean", "rank"): "lower",
    ("median", "rank"): "lower",
    ("bits", "per", "byte"): "lower",
    ("bits", "per", "char"): "lower",
    ("bits", "per", "character"): "lower",
    ("cross", "entropy"): "lower",
    ("human", "intervention"): "lower",
    ("human", "preference"): "higher",
    ("limit", "reached"): "lower",
    ("backward", "transfer"): "higher",
    ("forward", "transfer"): "higher",
    ("reciprocal", "rank"): "higher",
    ("hit", "rate"): "higher",
    ("success", "rate"): "higher",
    ("conversion", "rate"): "higher",
    ("parity", "difference"): "lower",
    ("parity", "ratio"): "higher",
    ("odds", "difference"): "lower",
    ("odds", "ratio"): "higher",
    ("strong", "reject"): "lower",
    ("popularity", "bias"): None,
    ("length", "bias"): None,
    ("false", "refusal"): "lower",
    ("completion", "tokens"): None,
    ("completion", "token"): None,
    ("completion", "length"): None,
    ("completion", "time"): "lower",
    ("perplexity", "score"): None,
    ("brevity", "penalty"): None,
    ("min", "duration"): None,
    ("error", "score"): None,
}
# Known as a metric where they are the whole name; else they may be ordinary words.
ALONE: Mapping[str, Direction | None] = {
    "drop": None,  # the benchmark, or a fall
    "secs": None,  # of a voice, or of time
    "far": "lower",
    "ate": "lower",
    "rpe": "lower",
    "mer": "lower",
    "der": "lower",
    "mce": "lower",
    "sensitivity": "higher",
    "math": "higher",
    "race": "higher",
    "squad": "higher",
    "consistency": "higher",
    "safety": "higher",
    "completed": "higher",
    "tp": "higher",
    "tn": "higher",
    "fp": "lower",
    "fn": "lower",
}
# Names that say by their definition which way is better, whatever stands beside them of SPLITS, averages and units.
DEFINED = _words("""
    acc accuracy auc auprc auroc bleu brier cer chrf correct cost costs crashes duration ece elapsed em error errors
    eur exact exceptions f1 fail failed failing failure failures fid fnr fpr incorrect invalid iou kappa latency
    loss mae map mape match mcc meteor milliseconds mistakes mrr ms mse ndcg nll ok pass passed passes passing
    perplexity ppl precision price psnr r2 recall resolved reward rmse roc rouge rouge1 rouge2 rougel runtime score
    seconds solved ssim succeeded success successes successful ter throughput time timeouts tnr tokens tpot tpr ttft
    usd wer win winrate wrong
""")
SPLITS = _words("""
    at balanced byte count dev eval extract flexible frac fraction is k log loose macro micro n none norm num
    overall pct percent rate ratio s share strict test top total train val validation wall weighted word
""")
