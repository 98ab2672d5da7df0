"""The findings in Korean: title, claim, what would disprove it, the remedy; the experiments are the English code."""

from __future__ import annotations

TRIAL_KO = "그것만 바꾸어 처음 {steps}단계를 다시 계산: 손실 {loss_trial} (실제 끝 {loss}, 상수 출력 {chance})."
"""What a finding says of the trial that convinced; the slot trial."""

WORDS_KO: dict[str, dict[str, str]] = {
    "non-finite-data": {
        "title": "수가 아닌 입력",
        "claim": "X[{row}, {column}] = {value}, 이런 값 {n}개. 하나라도 섞이면 합 전체가 수가 아니게 됨.",
        "claim:overflow": "X[{row}, {column}] = {value}, 이런 값 {n}개. 제곱하면 자료형의 최댓값을 넘어 1층 가중치의 "
        "기울기가 넘침.",
        "disproof": "X의 모든 값과 그 제곱이 유한하다면 틀린 진단.",
        "remedy": "해당 행을 빼거나 채우기. 또는 열마다 평균 0, 분산 1로 맞추기.",
    },
    "constant-inputs": {
        "title": "변하지 않는 열",
        "claim": "전체 {of}열 가운데 {n}열이 모든 행에서 같은 값 (열 {columns}, …). 편향이 하나 더 있는 것과 같고 "
        "아무 정보도 없음.",
        "claim:all": "{of}열 모두 모든 행에서 같은 값. 행끼리 구별할 수 없으니 어떤 신경망도 상수 출력보다 나을 수 "
        "없음.",
        "disproof": "학습에 쓴 행에서 이 열들이 변한다면 틀린 진단.",
        "remedy": "열을 빼기. 원래 변해야 하는 열이라면 표를 읽거나 합치는 곳을 확인.",
    },
    "duplicate-rows": {
        "title": "되풀이되는 행",
        "claim": "전체 {of}행 가운데 {n}행이 앞선 행과 똑같음 (비율 {share}, 열들이 서로 독립일 때 우연히 기대되는 "
        "수 {expected}). 같은 예제가 두 번 세어지고, 무작위로 나누면 양쪽에 같은 행이 들어감.",
        "claim:conflicting": "전체 {of}행 가운데 {n}행이 앞선 행과 똑같고 (비율 {share}, 우연히 기대되는 수 "
        "{expected}), 그중 {conflicting}행은 정답이 다름. 무작위로 나누면 양쪽에 같은 행이 들어감.",
        "claim:shared": "따로 둔 {of}행 가운데 {n}행이 학습 행과 같음 (비율 {share}, 학습 행끼리의 반복으로 기대되는 "
        "비율 {expected}). 따로 둔 행의 손실로는 새 행에서의 성능을 알 수 없음.",
        "disproof": "모든 열이 우연히 같을 뿐 따로 관측한 행이라면 틀린 진단.",
        "remedy": "사본을 빼거나, 사본이 한쪽에만 들어가도록 묶어서 나누기. 횟수는 sample_weight로 표현.",
    },
    "target-leak": {
        "title": "정답이 새는 열",
        "claim": "열 {columns} 하나로 상수 예측의 오차가 {skill}만큼 사라짐. 나머지 열을 모두 합쳐도 {others}. "
        "정답이 그대로 들어 있거나 정답이 정해진 뒤에 만들어진 열로 보임.",
        "claim:several": "열 {columns}: 이 열들만으로 상수 예측의 오차가 {skill}만큼 사라짐. 나머지 열을 모두 합쳐도 "
        "{others}. 정답이 그대로 들어 있거나 정답이 정해진 뒤에 만들어진 열로 보임.",
        "disproof": "실제로 예측할 때 정답보다 먼저 알 수 있는 열이라면 틀린 진단.",
        "remedy": "예측할 때 알 수 없는 열이면 빼기.",
    },
    "label-noise": {
        "title": "이웃과 어긋나는 레이블",
        "claim": "보지 않은 행으로 평가한 결정 나무 숲이 가장 확신하는 곳에서 (전체 {n}행 중 {n_surest}행, 클래스 "
        "경계에서 먼 곳) 레이블과 어긋나는 비율: {surest}. 어긋난 레이블은 이웃 클래스가 아니라 아무렇게나 뽑은 듯함: "
        "행이 속해 보이는 클래스에 따른 차이는 우연의 {depends}배 편차 (레이블 {n_sure}개), 숲의 두 번째 후보인 경우 "
        "{second}. 먼저 볼 행: {examples}.",
        "claim:alike": "보지 않은 행으로 평가한 결정 나무 숲이 레이블과 어긋나는 비율: 가장 확신하는 곳에서 (전체 "
        "{n}행 중 {n_surest}행) {surest}, 그 위쪽 10분의 1에서 {tenth}, 전체 {share}. 어디서나 비슷하며, 클래스가 "
        "겹친 것뿐이라면 확신하는 곳에서는 거의 없어야 함. 먼저 볼 행: {examples}.",
        "title:open": "열만으로는 정해지지 않는 결과",
        "claim:open": "보지 않은 행으로 평가한 결정 나무 숲이 가장 확신하는 곳에서도 (전체 {n}행 중 {n_surest}행) "
        "레이블과 어긋나는 비율: {surest} (위쪽 10분의 1에서 {tenth}, 전체 {share}). 우연이나 표에 없는 열이 만드는 "
        "모양 그대로여서 레이블이 틀렸다는 증거는 없음. 신경망이라고 이 행들을 더 잘 맞히기는 어려움. 그래도 "
        "레이블을 의심한다면 먼저 볼 행: {examples}.",
        "claim:all": "보지 않은 행으로 평가한 결정 나무 숲도 상수보다 나은 예측을 하지 못함 (줄어든 오차 {skill}, "
        "표준 오차의 {t}배, {n}행). 행과 정답이 서로 맞지 않게 놓인 것으로 보임.",
        "claim:values": "정답의 약 {share}: 다른 행의 것으로 보임. 보지 않은 행에 대한 결정 나무 숲의 예측에 비추어, "
        "두꺼운 꼬리만으로는 설명되지 않고 아무 데서나 온 정답이 섞였다고 볼 때 더 그럴듯함 (표준 오차의 {t}배, "
        "{n}행).",
        "disproof:values": "잔차가 가장 큰 행들을 직접 보았을 때 정답이 옳다면 틀린 진단.",
        "disproof": "이 행들을 직접 보았을 때 레이블이 옳다면 틀린 진단.",
        "disproof:open": "다른 종류의 모델이 보지 않은 행을 더 자주 맞힌다면 틀린 진단.",
        "disproof:all": "다른 모델이 보지 않은 행을 상수보다 잘 예측한다면 틀린 진단.",
        "remedy": "가장 심한 레이블부터 고치거나 빼기. 신경망은 틀린 레이블을 나중에 외우므로 일찍 멈추기.",
        "remedy:open": "고칠 것 없음. 새로운 열이 도움이 될 수 있고, 클래스보다 확률이 더 많은 것을 알려 줌.",
        "remedy:all": "X와 y가 따로 섞이거나 정렬되거나 합쳐지지 않았는지 확인.",
    },
    "class-imbalance": {
        "title": "드문 클래스",
        "claim": "클래스 {rare}: {n_rare}행, 가장 흔한 클래스: {n_most}행 (비 {ratio}). 나머지 절반으로 학습해 드문 "
        "클래스의 행을 찾아낸 비율 {recall}, 다른 행은 {of_others}. 손실의 단순 평균에서는 거의 보이지 않음.",
        "claim:balanced": "클래스 {rare}: {n_rare}행, 가장 흔한 클래스: {n_most}행 (비 {ratio}). 나머지 절반으로 "
        "학습해 드문 클래스의 행을 찾아낸 비율 {recall}, 다른 행은 {of_others}. 클래스를 똑같이 세는 가중치로는 "
        "{recall_balanced}, 다른 행은 {of_others_balanced}.",
        "claim:overlap": "클래스 {rare}: {n_rare}행, 가장 흔한 클래스: {n_most}행 (비 {ratio}). 나머지 절반으로 학습해 "
        "드문 클래스의 행을 찾아낸 비율 {recall}, 다른 행은 {of_others}. 클래스를 똑같이 세는 가중치로는 "
        "{recall_balanced}, 그 대신 다른 행은 {of_others_balanced}. 클래스가 서로 겹쳐 있으며, 어느 쪽 실수가 더 "
        "나쁜지는 쓰는 사람이 정할 일.",
        "disproof": "드문 클래스도 다른 클래스만큼 잘 찾는다면 틀린 진단.",
        "remedy": 'class_weight="balanced". 또는 클래스를 똑같이 세는 지표로 평가.',
    },
    "input-scale": {
        "title": "크기가 맞지 않는 입력",
        "claim:large": "입력의 제곱평균제곱근 {rms}, 열 {column}: {largest}. 초기 가중치는 크기 1 정도의 입력에 "
        "맞추어 뽑으며 곡률은 입력의 제곱으로 커짐. 열마다 평균 0, 분산 1로 바꾸어 처음 {steps}단계를 다시 계산: "
        "손실 {loss_trial} (실제 끝 {loss}, 상수 출력 {chance}).",
        "claim:small": "입력의 제곱평균제곱근 {rms}. 초기 가중치는 크기 1 정도의 입력에 맞추어 뽑으므로 1층의 "
        "기울기가 그만큼 작아짐. 열마다 평균 0, 분산 1로 바꾸어 처음 {steps}단계를 다시 계산: 손실 {loss_trial} "
        "(실제 끝 {loss}, 상수 출력 {chance}).",
        "claim:outliers": "열 {column}의 제곱평균제곱근 {largest}. 가운데 절반의 폭보다 4배 넘게 떨어진 값의 비율 "
        "{far}: 이상값이거나 빈칸을 대신한 수. 이들을 잘라 내고 열의 폭을 1로 맞추어 처음 {steps}단계를 다시 계산: "
        "손실 {loss_trial} (실제 끝 {loss}, 상수 출력 {chance}).",
        "title:code": "빠진 값을 대신하는 숫자",
        "claim:code": "열 {column}: 다른 숫자들과 ({low} … {high}) 동떨어진 {value}, 그것도 거듭 나옴. 잰 값이 아니라 "
        "빠진 값의 표시로 보임. 그런 열 {n}개 ({columns}), 칸 {cells}개, 이런 칸이 있는 행의 비율 {rows}.",
        "disproof:code": "이 행들에서 실제로 잰 값이라면 틀린 진단.",
        "remedy:code": "빠진 값이라고 알려 주기 (chainrule train DATA --missing={value}). 또는 NaN으로 바꾼 뒤 채우기.",
        "claim:harmless": "입력의 제곱평균제곱근 {rms}, 열 {column}: {largest}. 초기 가중치는 크기 1 정도의 입력에 "
        "맞추어 뽑음. 이번 학습을 막은 원인은 아님.",
        "disproof": "열을 표준화해도 나아지지 않는다면 틀린 진단.",
        "remedy": "열마다 평균 0, 분산 1로 맞추기 (sklearn.preprocessing.StandardScaler).",
    },
    "wrong-gradient": {
        "title": "손실의 미분이 아닌 기울기",
        "claim": "텐서 {tensor}: 역전파 {analytic}, J의 중심 차분 {numeric} (상대 오차 {error}, 반올림 오차라면 1e-7 "
        "미만).",
        "claim:step": "{tensor}: 단계에서 쓴 값 {analytic}, 같은 행에 정의식을 적용한 값 {numeric} (상대 차이 "
        "{error}).",
        "disproof": "float64에서 두 값이 같다면 틀린 진단.",
        "remedy": "이 층의 역전파 식을 바로잡기. chainrule check RUN으로 텐서마다 확인.",
    },
    "wrong-pair": {
        "title": "정답에 맞지 않는 손실과 출력",
        "claim:range": "출력 {output}의 범위는 {low}…{high}, 정답의 범위는 {least}…{most}. 닿을 수 없는 정답: 행의 "
        "{rows}, 분산의 {share}.",
        "claim:classes": "하나만 맞는 클래스 {classes}개, 출력 {output}, 손실 {loss}: 수 사이의 거리이므로 지나치게 "
        "맞힌 출력도 벌을 받고 확률이 나오지 않음.",
        "claim:squashed": "하나만 맞는 클래스 {classes}개, 출력 {output}, 손실 {loss}: 확실히 틀린 출력일수록 "
        "활성화의 기울기가 0에 가까워 오차 신호가 사라짐. 이번 학습을 막은 첫 원인은 아님.",
        "claim:slow": "하나만 맞는 클래스 {classes}개, 출력 {output}, 손실 {loss}: 확실히 틀린 출력일수록 활성화의 "
        "기울기가 0에 가까워 오차 신호가 사라짐. softmax와 교차 엔트로피로 처음 {steps}단계를 다시 계산: 틀린 행의 "
        "비율 {errors_trial} (실제 {errors}).",
        "claim:numbers": "정답이 비슷한 빈도의 정수 {classes}가지인데 출력은 {output} 하나, 손실 {loss}: 클래스의 "
        "이름이라면 2번이 1번과 3번의 평균일 수 없음.",
        "claim:linear": "비선형 활성화가 없는 은닉층 {n}개: 곱하면 행렬 하나이므로 층 하나로 할 수 없는 일은 하나도 "
        "하지 못함.",
        "disproof": "softmax와 교차 엔트로피로 바꾸어도 따로 둔 행에서 나아지지 않는다면 틀린 진단.",
        "disproof:range": "출력이 낼 수 없는 정답이 없다면 틀린 진단.",
        "disproof:numbers": "순서와 간격에 뜻이 있는 수라면 틀린 진단.",
        "disproof:linear": "은닉층을 없앤 학습이 더 나쁘다면 틀린 진단.",
        "remedy": 'output="softmax", loss="cross_entropy" (서로 독립인 레이블이면 output="sigmoid").',
        "remedy:range": '수를 예측하면 output="identity". 또는 정답을 그 범위로 맞추기.',
        "remedy:linear": '은닉층에 activation="relu" 또는 "tanh".',
    },
    "symmetric-weights": {
        "title": "서로 똑같은 유닛",
        "claim": "유닛 {n}개 가운데 서로 다른 것은 {kinds}개뿐 (첫 가중치 {value}). 들어오고 나가는 가중치가 같으면 "
        "기울기도 같아서 끝까지 똑같음. 끝에서도 똑같은 유닛: {alike_at_end}개.",
        "claim:zero": "이 층의 가중치가 모두 0에서 시작: 유닛 {n}개가 같은 기울기를 받아 (위 가중치가 0이면 그 "
        "기울기도 0) 끝까지 똑같음. 끝에서도 똑같은 유닛: {alike_at_end}개.",
        "disproof": "끝에서 유닛들이 서로 다르다면 틀린 진단.",
        "remedy": 'initializer="auto": 유닛마다 다른 무작위 가중치.',
    },
    "weights-too-large": {
        "title": "너무 큰 초기 가중치",
        "claim": "초기 가중치가 신호의 크기를 지키는 값 (제곱평균제곱근 {usual})의 {ratio}배. 첫 단계 전의 손실 "
        "{loss_at_start}, 상수 출력 {chance}. 같은 난수를 보통 크기로 줄여 처음 {steps}단계를 다시 계산: 손실 "
        "{loss_trial} (실제 끝 {loss}).",
        "claim:harmless": "초기 가중치가 신호의 크기를 지키는 값 (제곱평균제곱근 {usual})의 {ratio}배. 첫 단계 전의 "
        "손실 {loss_at_start}. 이번 학습을 막은 원인은 아님.",
        "disproof": "보통 크기의 가중치로 시작해도 나아지지 않는다면 틀린 진단.",
        "remedy": 'initializer="auto".',
    },
    "weights-too-small": {
        "title": "너무 작은 초기 가중치",
        "claim": "초기 가중치가 신호의 크기를 지키는 값 (제곱평균제곱근 {usual})의 {ratio}배: 층마다 신호와 기울기가 "
        "그만큼 줄어듦. 같은 난수를 보통 크기로 키워 처음 {steps}단계를 다시 계산: 손실 {loss_trial} (실제 끝 "
        "{loss}, 상수 출력 {chance}).",
        "claim:harmless": "초기 가중치가 신호의 크기를 지키는 값 (제곱평균제곱근 {usual})의 {ratio}배. 이번 학습을 "
        "막은 원인은 아님.",
        "disproof": "보통 크기의 가중치로 시작해도 나아지지 않는다면 틀린 진단.",
        "remedy": 'initializer="auto".',
    },
    "wrong-optimizer-settings": {
        "title": "최적화 설정",
        "claim": "{names} = {values} (보통 {usual}). {trial}",
        "claim:clip": "clip_norm = {values}: 기울기가 잘려 나감. {trial}",
        "disproof": "보통 값으로 바꾸어도 나아지지 않는다면 틀린 진단.",
        "remedy": "{names} = {usual}.",
    },
    "learning-rate-too-large": {
        "title": "너무 큰 학습률",
        "claim": "η = {learning_rate}, 시작 시점 η·λ = {eta_lambda} (λ: 가장 큰 곡률, 단순 경사 하강의 한계 2). η = "
        "{better}: 처음 {steps}단계를 다시 계산한 손실 {loss_trial} (실제 끝 {loss}, 상수 출력 {chance}).",
        "claim:incident": "η = {learning_rate}, 시작 시점 η·λ = {eta_lambda} (λ: 가장 큰 곡률, 단순 경사 하강의 한계 "
        "2). 이 단계에서 최소점을 지나침: 같은 배치의 손실 {before} → {after}, α = {overshoot} (1이면 반대편 같은 "
        "높이), ‖ΔW‖/‖W‖ = {ratio}. η = {better}: 처음 {steps}단계를 다시 계산한 손실 {loss_trial} (실제 끝 "
        "{loss}, 상수 출력 {chance}).",
        "claim:jump": "이 단계 앞에서 η {before} → {learning_rate}. 그 뒤로 회복하지 못함. {trial}",
        "disproof": "같은 단계 수에서 더 작은 학습률이 낫지 않다면 틀린 진단.",
        "remedy": "learning_rate = {better} 정도. 범위는 chainrule learning-rate DATA로 확인.",
    },
    "learning-rate-too-small": {
        "title": "너무 작은 학습률",
        "claim": "η = {learning_rate}, 시작 시점 η·λ = {eta_lambda} (λ: 가장 큰 곡률, 2까지는 안정), 마지막 단계 α = "
        "{overshoot} (−1이면 최저점이 아직 멂). η = {better}: 처음 {steps}단계를 다시 계산한 손실 {loss_trial} "
        "(실제 끝 {loss}, 상수 출력 {chance}).",
        "claim:faded": "η {learning_rate} → {last}. 배울 것이 많이 남았는데 이 단계부터 5 % 아래로 줄어듦. {trial}",
        "disproof": "같은 단계 수에서 더 큰 학습률이 낫지 않다면 틀린 진단.",
        "remedy": "learning_rate = {better} 정도. 범위는 chainrule learning-rate DATA로 확인.",
    },
    "non-finite": {
        "title": "유한하지 않은 수",
        "claim": "처음으로 유한하지 않은 수: {quantity} = {value}. 학습이 여기서 멈춤.",
        "claim:exploded": "손실 {loss} (상수 출력 {chance}). 학습이 여기서 멈춤.",
        "disproof": "이 단계를 재생했을 때 모두 유한하다면 틀린 진단.",
        "remedy": "더 작은 학습률, 입력 크기 맞추기, clip_norm.",
    },
    "dead-units": {
        "title": "죽은 유닛",
        "claim": "끝에서 유닛 {of}개 ({activation}) 가운데 {n}개가 어떤 행에서도 열리지 않음. 이 단계까지 층의 "
        "절반이 침묵.",
        "claim:biases": "첫 단계 전에 이미 유닛 {of}개 가운데 {n}개가 어떤 행에서도 열리지 않음 (편향의 "
        "제곱평균제곱근 {bias}). 편향을 0으로 바꾸어 처음 {steps}단계를 다시 계산: 손실 {loss_trial} (실제 끝 "
        "{loss}, 상수 출력 {chance}).",
        "disproof": "어느 행이든 이 유닛을 연다면 틀린 진단.",
        "remedy": "더 작은 학습률, 0에서 시작하는 편향, leaky_relu.",
    },
    "saturated-units": {
        "title": "포화된 유닛",
        "claim": "끝에서 이 층의 값 가운데 평평한 끝에 놓인 비율 {share} (시작 {at_start}, z의 표준편차 {spread}). "
        "대부분 이 단계부터. 그곳의 기울기는 가장 가파른 곳의 5 % 미만.",
        "claim:biases": "첫 단계 전에 이미 평평한 끝에 놓인 비율 {share} (편향의 제곱평균제곱근 {bias}). 편향을 "
        "0으로 바꾸어 처음 {steps}단계를 다시 계산: 손실 {loss_trial} (실제 끝 {loss}, 상수 출력 {chance}).",
        "disproof": "학습 행에서 기울기가 가파른 곳에 있다면 틀린 진단.",
        "remedy": "더 작은 초기 가중치와 편향, 입력 크기 맞추기, 더 작은 학습률.",
    },
    "vanishing-gradient": {
        "title": "내려가며 사라지는 기울기",
        "claim:slope": "출력의 오차 신호 가운데 1층까지 남는 비율: {left} ({n}층을 지남). 활성화의 기울기 g′: "
        "{by_slope}배, 가중치: {by_weights}배. 가장 많이 잃는 곳은 위에 적은 층. 원인: 활성화의 기울기.",
        "claim:weights": "출력의 오차 신호 가운데 1층까지 남는 비율: {left} ({n}층을 지남). 가중치: {by_weights}배, "
        "활성화의 기울기 g′: {by_slope}배. 가장 많이 잃는 곳은 위에 적은 층. 원인: 가중치.",
        "disproof": "같은 층에 ReLU를 써도 나아지지 않는다면 틀린 진단.",
        "remedy": 'activation="relu", normalization="layer", residual=True. 또는 층 줄이기.',
    },
    "exploding-gradient": {
        "title": "내려가며 폭주하는 기울기",
        "claim": "출력의 오차 신호가 1층에서 {left}배 ({n}층을 지남, 가중치 {by_weights}배, 활성화의 기울기 g′ "
        "{by_slope}배). {trial}",
        "disproof": "보통 크기의 가중치로 시작해도 나아지지 않는다면 틀린 진단.",
        "remedy": 'initializer="auto", normalization="layer", clip_norm=1.',
    },
    "stalled": {
        "title": "아무것도 배우지 못함",
        "claim": "끝의 손실 {loss}, 최선의 상수 출력 {chance}. 이 단계부터 제자리 (‖dW‖ = {gradient}).",
        "disproof": "행마다 출력이 처음보다 더 다르다면 틀린 진단.",
        "remedy": "먼저 20행만 외우게 해 보기. 그것도 못 하면 구성의 잘못.",
    },
    "too-few-steps": {
        "title": "모자란 단계",
        "claim": "{n_steps}단계 ({epochs}에포크) 뒤에도 손실이 내려가는 중: 아무것도 바꾸지 않고 {steps}단계를 더 "
        "하면 손실 {loss_trial} (실제 끝 {loss}, 상수 출력 {chance}).",
        "disproof": "더 해도 손실이 내려가지 않는다면 틀린 진단.",
        "remedy": "에포크 늘리기. early_stopping으로 알맞은 때에 멈추기.",
    },
    "overfitting": {
        "title": "과적합",
        "claim": "따로 둔 행의 손실은 에포크 {epoch}에서 가장 낮고 ({best}) 끝에서는 {last}. 그동안 학습 행의 손실은 "
        "{own_best} → {own_last}. 얻은 것 가운데 다시 잃은 비율: {risen}.",
        "claim:nothing": "학습 행의 손실 {own_last}, 따로 둔 행은 가장 낮을 때도 {best}, 상수 출력 {chance}: 배운 "
        "것이 학습 행에서만 통함.",
        "disproof": "다른 행을 떼어 두었을 때 손실이 오르지 않는다면 틀린 진단.",
        "remedy": "early_stopping, l2, dropout, 더 작은 신경망, 더 많은 행.",
    },
    "too-strong-regularization": {
        "title": "지나친 규제",
        "claim": "{names} = {values}: ‖W‖ {weight_at_start} → {weight_at_end}. {trial} 둘 다 보지 못한 행에서도 더 "
        "나음.",
        "claim:unstable": "{names} = {values}, η = {learning_rate}: 단계마다 모든 가중치가 1 − η·l2 = {factor}배. "
        "데이터와 상관없이 끝없이 커짐.",
        "disproof": "규제를 빼도 따로 둔 행에서 나아지지 않는다면 틀린 진단.",
        "remedy": "10분의 1 이하로 줄이고, 따로 둔 행으로 판단.",
    },
}
