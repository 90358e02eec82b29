# ftft on a CPU. Build: docker build -t ftft .   Run: docker run --rm -v "$PWD:/work" ftft run experiment.yaml
FROM python:3.11-slim
WORKDIR /ftft
COPY . .
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
      --constraint constraints.txt . \
    && useradd --create-home user
USER user
WORKDIR /work
ENTRYPOINT ["ftft"]
