"""What the narration says, side by side in English and Korean. No Korean particle follows a slot directly."""

from __future__ import annotations

_SIDE_BY_SIDE: dict[str, tuple[str, str]] = {
    "title": (
        "Step {step}, epoch {epoch} (both counted from 0{total}): row {row} of a batch of {n}",
        "{step}번 단계, 에포크 {epoch} (0부터 셈{total}): 배치 {n}행 가운데 {row}번 행",
    ),
    "total": ("; {n:,} steps in all", ", 모두 {n:,}단계"),
    "network": (
        "Network {sizes}; loss {loss}; optimizer {optimizer}, learning rate η = {eta}",
        "신경망 {sizes}, 손실 {loss}, 최적화 {optimizer}, 학습률 η = {eta}",
    ),
    "batch_now": (
        "Loss J of the batch before this step: {loss}",
        "이 단계를 시작할 때 배치의 손실 J: {loss}",
    ),
    "columns": (
        "Column notation: W here is the transpose of the stored W[l], entry [to, from].",
        "열벡터 표기: 여기의 W는 저장된 W[l]의 전치 행렬이며, 원소는 [받는 유닛, 보내는 유닛] 순서입니다.",
    ),
    "nielsen": (
        "Nielsen's indices: w_jk leads from unit k to unit j. The input is layer 0 here, 1 in his book.",
        "닐슨의 첨자: w_jk는 유닛 k에서 유닛 j로 가는 가중치입니다. 입력층의 번호는 여기서 0, 책에서 1입니다.",
    ),
    "forward": (
        "FORWARD PROPAGATION: from the input to the prediction",
        "순전파 (Forward): 입력에서 예측까지",
    ),
    "input": (
        "Input {a}: {n} numbers (row {index} of the data)",
        "입력 {a}: 숫자 {n}개 (데이터의 {index}번 행)",
    ),
    "sparse_input": (
        "Input {a}: {n} numbers, {nonzero} of them not zero (row {index} of the data)",
        "입력 {a}: 숫자 {n}개, 그중 0이 아닌 것 {nonzero}개 (데이터의 {index}번 행)",
    ),
    "layer": ("Layer {l}: {shape} units, {activation}", "{l}층: 유닛 {shape}, 활성화 함수 {activation}"),
    "g_is": ("g: {formula}", "g: {formula}"),
    "layer_says": (
        "Each unit multiplies its inputs by its weights, adds them up with its bias, and passes the sum on through g.",
        "유닛마다 입력에 가중치를 곱해 모두 더하고 편향을 더합니다. 그 합이 활성화 함수 g를 거쳐 다음 층으로 갑니다.",
    ),
    "language": ("en", "ko"),
    "kind_says": (
        "Between z and g stands {kind}, which makes u of z.",
        "z와 g 사이에서 {kind} 단계가 z로 u를 만듭니다.",
    ),
    "kind_back_says": (
        "Back through {kind} the error of u becomes that of z.",
        "{kind} 단계를 거슬러 u의 오차가 z의 오차로 바뀝니다.",
    ),
    "kind_gradients": (
        "Gradients of what {kind} learns, summed over the batch",
        "{kind} 단계가 배우는 값의 기울기: 배치 전체의 합",
    ),
    "residual_says": (
        "Residual connection: what came in is added to h, what the layer makes of it.",
        "잔차 연결(residual): 층에 들어온 값에, 층이 그것으로 만든 값 h를 더합니다.",
    ),
    "spelled": ("Unit {j}, number by number:", "{j}번 유닛의 계산을 풀어 쓰면:"),
    "dropped": (
        "Dropout silenced {n} of {all} units for this row; the others count {scale}-fold.",
        "드롭아웃: 이 행에서 유닛 {all}개 중 {n}개가 꺼졌고, 나머지에는 {scale} 배율이 곱해집니다.",
    ),
    "loss_head": (
        "LOSS: how far the prediction is from the target",
        "손실 (Loss): 예측과 정답의 차이",
    ),
    "target": ("target y", "정답 y"),
    "prediction": ("prediction {a}", "예측 {a}"),
    "row_loss": ("Loss of this row:", "이 행의 손실:"),
    "batch_loss": (
        "J = {loss}: the mean over the {n} rows of the batch, each with its weight.",
        "J = {loss}: 배치 {n}행의 손실을 행의 가중치대로 평균한 값입니다.",
    ),
    "share": (
        "This row's share of J is s = w/Σw = {share}; every error signal below carries it.",
        "이 행이 J에서 차지하는 몫: s = w/Σw = {share}. 아래의 모든 오차 신호에 이미 곱해져 있습니다.",
    ),
    "penalty": (
        "Penalty on large weights, apart from J: {penalty}",
        "큰 가중치에 매기는 벌점(J와 별도): {penalty}",
    ),
    "backward": (
        "BACKWARD PROPAGATION: by the chain rule, from the loss back to every weight",
        "역전파 (Backward): 연쇄 법칙으로 손실에서 모든 가중치까지",
    ),
    "bp1": (
        "BP1  error signal δ of the output layer {l}",
        "BP1  출력층({l}층)의 오차 신호 δ",
    ),
    "bp1_fused_says": (
        "Loss and output activation fit together: the error signal is simply prediction minus target.",
        "손실과 출력 활성화 함수가 짝을 이루어, 오차 신호가 '예측 − 정답'이라는 간단한 꼴이 됩니다.",
    ),
    "bp1_says": (
        "How the loss changes with the output, times how the output changes with z.",
        "출력에 대한 손실의 변화율에, z에 대한 출력의 변화율을 곱합니다.",
    ),
    "bp1_sign": (
        "Positive: the output should come down. Negative: it should go up.",
        "부호가 양이면 출력을 낮춰야 하고, 음이면 높여야 합니다.",
    ),
    "bp2": (
        "BP2  error signal δ of layer {l}, out of layer {above}",
        "BP2  {l}층의 오차 신호 δ: {above}층에서 거슬러 옴",
    ),
    "bp2_says": (
        "The errors of the layer above flow back through the same weights (da) and pass where the activation "
        "responds (its slope g′).",
        "위층의 오차가 같은 가중치를 거꾸로 지나 모이고(da), 활성화 함수가 반응하는 만큼(도함수 g′) 통과합니다.",
    ),
    "bp2_residual": (
        "Layer {above} adds its input to its output, so its error da also comes down unchanged.",
        "{above}층은 입력을 출력에 그대로 더하므로, 그 층의 오차 da도 변하지 않고 함께 내려옵니다.",
    ),
    "unchanged": ("unchanged: {da}", "그대로 내려온 {da}"),
    "mixes": (
        "Softmax mixes the units of a row, so for g′ stands its Jacobian: error_j = a_j·(da_j − Σ_k da_k·a_k).",
        "softmax는 한 행의 유닛을 서로 섞으므로 g′의 자리에 야코비 행렬이 옵니다: 오차_j = a_j·(da_j − Σ_k da_k·a_k)",
    ),
    "closed": (
        "{n} of {all} units let nothing through: their error signal is 0.",
        "유닛 {all}개 중 {n}개는 아무것도 통과시키지 않습니다 (오차 신호 0).",
    ),
    "bp3": (
        "BP3  gradient of the biases: the error signal, summed over the batch",
        "BP3  편향의 기울기: 오차 신호를 배치 전체에서 더한 값",
    ),
    "bp4": (
        "BP4  gradient of the weights: what came in × error signal, summed over the batch",
        "BP4  가중치의 기울기: 들어온 값 × 오차 신호, 배치 전체의 합",
    ),
    "this_row": ("this row: {formula}", "이 행: {formula}"),
    "other_rows": ("the other {n} rows", "나머지 {n}행"),
    "matrix": ("all of the gradient, rows = units below", "기울기 전체 (행: 아래층 유닛)"),
    "norm": ("{n:,} entries, length ‖{name}‖ = {norm}", "원소 {n:,}개, 길이 ‖{name}‖ = {norm}"),
    "update": (
        "UPDATE: a step against the gradient",
        "가중치 업데이트 (Update): 기울기의 반대 방향으로 한 걸음",
    ),
    "was": ("old", "이전 값"),
    "gradient": ("gradient g", "기울기 g"),
    "change": ("change", "변화량"),
    "becomes": ("new", "새 값"),
    "worked": ("{name}, number by number:", "{name} 하나를 풀어 쓰면:"),
    "penalised": ("gradient + penalty", "기울기 + 벌점"),
    "clipped": (
        "The whole gradient has length {norm}, more than {limit}: every entry is multiplied by {factor}.",
        "기울기 전체의 길이 {norm}: 한계 {limit}보다 길어서 모든 원소에 {factor}배를 합니다.",
    ),
    "not_clipped": (
        "The whole gradient has length {norm}, within the limit {limit}: it stays as it is.",
        "기울기 전체의 길이 {norm}: 한계 {limit} 이내이므로 그대로 둡니다.",
    ),
    "not_applied": (
        "J is not a finite number: the update is not applied and the training stops here.",
        "J가 유한한 수가 아니므로 업데이트하지 않고 여기서 학습을 멈춥니다.",
    ),
    "more": ("… + {n} more terms", "… 외 {n}개 항의 합"),
    "more_units": ("… + {n} more", "… 외 {n}개의 합"),
    "sum": ("sum of all {n}", "{n}개 전체의 합"),
    "unit": ("unit", "유닛"),
    "mask": ("mask", "마스크"),
    "bias": ("bias {b}", "편향 {b}"),
    "end": (
        "Forward tells how good the weights are; backward tells every one of them which way is better.",
        "순전파는 지금의 가중치가 얼마나 좋은지를, 역전파는 가중치 하나하나를 어느 쪽으로 고쳐야 할지를 알려 줍니다.",
    ),
}

TEXT: dict[str, dict[str, str]] = {
    language: {name: texts[i] for name, texts in _SIDE_BY_SIDE.items()} for i, language in enumerate(("en", "ko"))
}
